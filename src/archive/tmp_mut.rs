//! Throw-away: cuts and flips.
#[test]
#[ignore]
fn mutate() {
    let dir = std::env::var("MUT").unwrap();
    let limits = crate::source::Limits::default();
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let whole = std::fs::read(&file).unwrap();
        let (mut slowest, mut silent, mut total, mut gave_up) = (std::time::Duration::ZERO, 0, 0, 0);
        let cuts: Vec<usize> = (1..200).map(|i| whole.len() * i / 200).collect();
        for round in 0..2200usize {
            let mut data = whole.clone();
            if let Some(cut) = cuts.get(round) {
                data.truncate(*cut);
            } else {
                // Where bytes are that are not zero.
                for _ in 0..=next() % 4 {
                    let mut at = next() as usize % data.len();
                    for _ in 0..64 {
                        if data[at] != 0 {
                            break;
                        }
                        at = next() as usize % data.len();
                    }
                    match next() % 3 {
                        0 => data[at] ^= 1 << (next() % 8),
                        1 => data[at] = next() as u8,
                        _ => {
                            let n = [0u32, u32::MAX, 0x7fff_ffff, 0x8000_0000, 1][next() as usize % 5].to_le_bytes();
                            for (to, from) in data[at..].iter_mut().zip(n) {
                                *to = from;
                            }
                        }
                    }
                }
            }
            let begin = std::time::Instant::now();
            let source = crate::source::Source::Bytes { name: name.clone(), data: data.clone() };
            let mut entry = crate::source::list(&source, &limits).unwrap().entries.remove(0);
            let mut blob = entry.open().unwrap();
            let path = blob.path.clone();
            let mut walk = super::Walk::new(&limits, blob.len());
            let mut opened_any = false;
            let mut visit = |_: &mut crate::source::Blob, _: &mut super::Walk<'_>, opened: super::Opened| {
                opened_any |= opened != super::Opened::Leaf;
                super::Seen { embedded: vec![], recognised: false, program_end: None }
            };
            super::walk(&mut blob, &mut walk, &mut visit);
            let took = begin.elapsed();
            if took > slowest {
                slowest = took;
                if took.as_secs() >= 2 {
                    std::fs::write(format!("/tmp/c/slow-{round}-{name}"), &data).unwrap();
                }
            }
            total += 1;
            let gaps = walk.into_gaps(&path);
            gave_up += gaps.iter().filter(|g| g.detail.contains("gave up")).count();
            if let Some(g) = gaps.iter().find(|g| g.detail.contains("gave up")) {
                println!("PANIC {name} round {round} {}", g.detail);
                std::fs::write(format!("/tmp/c/panic-{round}-{name}"), &data).unwrap();
            }
            if round < cuts.len() && gaps.is_empty() && opened_any {
                silent += 1;
                if silent == 1 {
                    println!("SILENT {name} cut {} of {}", cuts[round], whole.len());
                }
            }
        }
        println!("R {name} {total} slowest {slowest:?} silent cuts {silent} panics {gave_up}");
    }
}
