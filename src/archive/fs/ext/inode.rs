//! Inodes of ext and the entries of its folders.
//!
//! In: their bytes. Out: what they say. Must not know: where they stand.

use crate::bytes::{le16, le32};

pub(super) struct Inode {
    pub mode: u16,
    pub flags: u32,
    pub size: u64,
    pub data: Vec<u8>,
}

impl Inode {
    /// The 60 bytes where blocks are named or small content stands.
    pub fn body(&self) -> &[u8] {
        self.data.get(0x28..0x64).unwrap_or_default()
    }

    /// Content within the inode: behind the body it goes on in an attribute.
    pub fn inline(&self) -> Vec<u8> {
        let mut data = self.body().to_vec();
        data.extend_from_slice(self.attribute().unwrap_or_default());
        data
    }

    pub fn attribute(&self) -> Option<&[u8]> {
        let start = 0x80 + usize::from(le16(&self.data, 0x80)?);
        if le32(&self.data, start)? != 0xea02_0000 {
            return None;
        }
        let entries = self.data.get(start + 4..)?;
        let mut at = 0;
        loop {
            let len = usize::from(*entries.get(at)?);
            let name = entries.get(at + 16..at + 16 + len)?;
            if le32(entries, at)? == 0 {
                return None;
            }
            if entries.get(at + 1) == Some(&7) && name == b"data" {
                let from = usize::from(le16(entries, at + 2)?);
                let len = le32(entries, at + 8)? as usize;
                return entries.get(from..from.checked_add(len)?);
            }
            at += (16 + len).next_multiple_of(4);
        }
    }
}

/// Entries of a folder; what is broken among them ends its block.
pub(super) struct Entries {
    pub list: Vec<(u32, String)>,
    pub broken: bool,
}

impl Entries {
    pub fn take(&mut self, data: &[u8], types: bool) {
        let mut at = 0;
        while at + 8 <= data.len() {
            let (Some(inode), Some(len), Some(name_len)) = (le32(data, at), le16(data, at + 4), le16(data, at + 6))
            else {
                break;
            };
            let len = if matches!(len, 0 | 0xffff) && data.len() >= 0x10000 { data.len() } else { usize::from(len) };
            let name_len = usize::from(if types { name_len & 0xff } else { name_len });
            let name = data.get(at + 8..at + 8 + name_len).filter(|_| len >= 8 + name_len && len % 4 == 0);
            let Some(name) = name else {
                self.broken = true;
                break;
            };
            if inode != 0 && name_len > 0 && !matches!(name, b"." | b"..") {
                self.list.push((inode, String::from_utf8_lossy(name).into_owned()));
            }
            at += len;
        }
    }
}
