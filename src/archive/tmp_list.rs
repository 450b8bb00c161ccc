//! Throw-away: lists members with their digests.
#[test]
#[ignore]
fn list() {
    use sha2::Digest;
    use std::io::Read;
    let file = std::env::var("LIST").unwrap();
    let limits = crate::source::Limits::default();
    let source = crate::source::Source::Path(file.clone().into());
    for mut entry in crate::source::list(&source, &limits).unwrap().entries {
        let mut blob = entry.open().unwrap();
        let path = blob.path.clone();
        let mut walk = super::Walk::new(&limits, blob.len());
        let quiet = std::env::var("QUIET").is_ok();
        let begin = std::time::Instant::now();
        let mut visit = |blob: &mut crate::source::Blob, _: &mut super::Walk<'_>, opened: super::Opened| {
            if !quiet {
                let mut sha = sha2::Sha256::new();
                let mut reader = blob.reader();
                let mut buffer = vec![0; 1 << 20];
                while let Ok(n @ 1..) = reader.read(&mut buffer) {
                    sha.update(&buffer[..n]);
                }
                println!("M\t{}\t{}\t{}\t{opened:?}", crate::bytes::hex(&sha.finalize()), blob.len(), blob.path);
            }
            super::Seen { embedded: vec![], recognised: true, program_end: None }
        };
        super::walk(&mut blob, &mut walk, &mut visit);
        let took = begin.elapsed();
        println!("T\t{took:?}\t{} members\t{} unpacked", walk.members, walk.unpacked);
        for gap in walk.into_gaps(&path) {
            println!("G\t{:?}\t{}\t{}", gap.reason, gap.at, gap.detail);
        }
    }
}
