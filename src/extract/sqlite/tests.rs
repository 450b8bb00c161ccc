use super::*;

/// A database of pages of 512 bytes: the first holds a schema with the table `t`, rooted at the second.
fn made(pages: &[&[u8]]) -> Vec<u8> {
    let mut data = vec![0; 512 * (pages.len() + 1)];
    data[..16].copy_from_slice(MAGIC);
    data[16..18].copy_from_slice(&512u16.to_be_bytes());
    data[18..20].copy_from_slice(&[1, 1]);
    let count = (pages.len() + 1) as u32;
    data[28..32].copy_from_slice(&count.to_be_bytes());
    data[59] = 1;
    let row = [&b"\x06\x17\x0f\x0f\x01\x0f"[..], b"table", b"t", b"t", b"\x02", b"s"].concat();
    let cell = [&[row.len() as u8, 1][..], &row].concat();
    let at = 512 - cell.len();
    data[100..108].copy_from_slice(&[13, 0, 0, 0, 1, 0, 0, 0]);
    data[108..110].copy_from_slice(&(at as u16).to_be_bytes());
    data[at..512].copy_from_slice(&cell);
    for (index, page) in pages.iter().enumerate() {
        let start = 512 * (index + 1);
        data[start..start + page.len()].copy_from_slice(page);
    }
    data
}

/// A leaf with one cell.
fn leaf(cell: &[u8]) -> Vec<u8> {
    let at = 512 - cell.len();
    let mut page = vec![0; 512];
    page[..10].copy_from_slice(&[13, 0, 0, 0, 1, 0, 0, 0, (at >> 8) as u8, at as u8]);
    page[at..].copy_from_slice(cell);
    page
}

/// An inner page that leads to these.
fn inner(children: &[u32], last: u32) -> Vec<u8> {
    let mut page = vec![0; 512];
    page[..5].copy_from_slice(&[5, 0, 0, 0, children.len() as u8]);
    page[8..12].copy_from_slice(&last.to_be_bytes());
    for (index, child) in children.iter().enumerate() {
        let at = 512 - 5 * (index + 1);
        page[12 + 2 * index..14 + 2 * index].copy_from_slice(&(at as u16).to_be_bytes());
        page[at..at + 4].copy_from_slice(&child.to_be_bytes());
        page[at + 4] = index as u8;
    }
    page
}

type Rows = Vec<(i64, String)>;

fn run(data: &[u8]) -> (Rows, Option<(usize, Reason, &'static str)>) {
    let mut database = Database::open(data).unwrap();
    let tables = database.tables();
    let mut rows = Vec::new();
    for table in &tables {
        database.rows(table, &mut |id, row| {
            rows.push((id, format!("{row:?}").chars().take(60).collect()));
            true
        });
    }
    (rows, database.fault)
}

#[test]
fn rows_are_read_in_order() {
    let first = leaf(&[4, 7, 3, 1, 0, 0xfe]);
    let second = leaf(&[4, 0x81, 0, 3, 8, 14, b'x']);
    let (rows, fault) = run(&made(&[&inner(&[3], 4), &first, &second]));
    assert_eq!(rows, [(7, "[Integer(-2), Null]".to_owned()), (128, "[Integer(0), Blob([120])]".to_owned())]);
    assert_eq!(fault, None);
}

#[test]
fn pages_that_lead_back_end() {
    for pages in [vec![inner(&[2, 2, 2], 2)], vec![inner(&[1], 3), inner(&[2], 2)], vec![inner(&[0], 0)]] {
        let pages: Vec<&[u8]> = pages.iter().map(Vec::as_slice).collect();
        let (rows, fault) = run(&made(&pages));
        assert!(rows.is_empty() && fault.is_some(), "{fault:?}");
    }
    // One page below the other, deeper than any real tree.
    let deep: Vec<Vec<u8>> = (3..100).map(|next| inner(&[], next)).collect();
    let deep: Vec<&[u8]> = deep.iter().map(Vec::as_slice).collect();
    assert_eq!(run(&made(&deep)).1.unwrap().2, "pages within pages without end");
}

#[test]
fn rows_that_go_on_in_other_pages() {
    // 600 bytes: 92 in the page, and all of one other.
    let mut cell = vec![0x84, 0x58, 1, 3, 0x89, 0x34, 0x41];
    cell.resize(3 + 92, 0x41);
    cell.extend(3u32.to_be_bytes());
    let mut other = vec![0x42; 512];
    other[..4].copy_from_slice(&0u32.to_be_bytes());
    let (rows, fault) = run(&made(&[&leaf(&cell), &other]));
    assert_eq!((rows.len(), fault), (1, None));
    // The chain leads back to itself.
    let mut cell = vec![0xa0, 0x00, 1, 3, 0x89, 0x34, 0x41];
    cell.resize(500, 0x41);
    let mut data = made(&[&leaf(&cell), &other]);
    data[1024..1028].copy_from_slice(&3u32.to_be_bytes());
    assert!(run(&data).1.is_some());
    // A length that no file has.
    let huge = leaf(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 3, 0, 0]);
    assert_eq!(run(&made(&[&huge])).1.unwrap().1, Reason::Limit);
}

#[test]
fn headers_that_are_none() {
    assert!(Database::open(b"SQLite format 3\0").is_none());
    let mut data = made(&[]);
    data[17] = 3;
    assert!(Database::open(&data).is_none());
    let whole = made(&[&leaf(&[4, 7, 3, 1, 0, 0xfe])]);
    assert_eq!(run(&whole[..900]).1.unwrap().1, Reason::Truncated);
    assert!(record(&[3, 10, 10]).is_none() && record(&[9]).is_none() && record(&[0x7f, 0]).is_none());
}

#[test]
fn cells_that_lie_over_each_other_cost_one_page() {
    let cell = [&[0x83, 0x10, 7, 3, 0x86, 0x26][..], &[b'A'; 397]].concat();
    let mut page = leaf(&cell);
    page[4] = 40;
    for index in 0..40 {
        page.copy_within(8..10, 8 + 2 * index);
    }
    let (rows, fault) = run(&made(&[&page]));
    assert_eq!((rows.len(), fault.unwrap().1), (1, Reason::Malformed));
}
