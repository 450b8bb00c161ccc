use super::*;

#[test]
fn names_lose_the_ending_of_their_compression() {
    for (name, inner) in [
        ("a.tar.xz", "a.tar"),
        ("a.tgz", "a.tar"),
        ("A.TBZ2", "A.tar"),
        ("x.cpio.lz4", "x.cpio"),
        (".gz", "content"),
        ("plain", "content"),
        ("NOTICES.Z", "NOTICES"),
    ] {
        assert_eq!(inner_name(name), inner, "{name}");
    }
}
