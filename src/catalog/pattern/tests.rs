//! Each way of comparing, with what it must match and must not.

use super::*;

fn pattern(toml: &str) -> Pattern {
    Pattern::compile(toml::from_str(toml).unwrap()).unwrap()
}

#[test]
fn companies_compare_as_wholes() {
    let p = pattern(r#"entity = ["Acme Lab, Inc.", "AO Acme Lab"]"#);
    for same in [
        "Acme Lab Inc",
        "acme lab, inc.",
        "ACME Lab® , INC",
        "Acme Lab, Inc. <a@b.example>",
        "ZAO Acme Lab",
        "Acme Lab, A.O.",
        "Acme Lab (https://acme.example)",
        "JSC Acme Lab",
    ] {
        assert!(p.matches(same), "{same}");
    }
    for other in ["Acme Laboratories Inc", "Acme", "Acme Labs", "Inc.", "The Acme Lab, Inc. Fan Club", ""] {
        assert!(!p.matches(other), "{other}");
    }
}

#[test]
fn companies_compare_in_any_script_and_encoding() {
    let p = pattern(r#"entity = "АО «Лаборатория Касперского»""#);
    for same in [
        "Лаборатория Касперского",
        "ЗАО \"ЛАБОРАТОРИЯ КАСПЕРСКОГО\"",
        "Laboratoriya Kasperskogo, AO",
        // UTF-8 read as Windows-1252 and as Windows-1251; Windows-1251 read as Windows-1252.
        "\u{d0}\u{9b}Ð°Ð±Ð¾Ñ€Ð°Ñ‚Ð¾Ñ€Ð¸Ñ\u{8f} ÐšÐ°Ñ\u{81}Ð¿ÐµÑ€Ñ\u{81}ÐºÐ¾Ð³Ð¾",
        "Р›Р°Р±РѕСЂР°С‚РѕСЂРёСЏ РљР°СЃРїРµСЂСЃРєРѕРіРѕ",
        "ÀÎ «Ëàáîðàòîðèÿ Êàñïåðñêîãî»",
    ] {
        assert!(p.matches(same), "{same}");
    }
    for other in ["Касперский", "Евгений Касперский", "Лаборатория", "Laboratoriya Kasperskogo Fan"]
    {
        assert!(!p.matches(other), "{other}");
    }
    let p = pattern(r#"entity = "Acme Lab""#);
    for same in [
        "Acme Lab\u{c2}\u{ae}",
        "Acme Labâ„¢, Inc.",
        "Acme Lab&reg; Inc",
        "Acme Lab(R)",
        "Acme Lab,",
        "АО Acme Lab",
        "Аcmе Lаb",
        "A.c.m.e. Lab\u{200b}",
        "Other Ltd; Acme Lab",
        "Other / Acme Lab",
        "Acme Lab/Other",
        "Acme Lab, Springfield",
        "Acme Lab, Inc., 1 Main Street, Springfield",
        "Ａｃｍｅ　Ｌａｂ",
        "Acme\u{200b}Lab",
    ] {
        assert!(p.matches(same), "{same}");
    }
    for other in ["Acmei Lab Consulting", "Acme and Lab", "Jane Acme Lab", "Acmé Lab"] {
        assert!(!p.matches(other), "{other}");
    }
}

#[test]
fn words_and_paths_have_borders() {
    let p = pattern(r#"word = "KL_PATH""#);
    assert!(p.matches("export KL_PATH=/x") && p.matches("KL_PATH"));
    assert!(!p.matches("MY_KL_PATH") && !p.matches("KL_PATHS") && !p.matches("kl_path"));
    let p = pattern(r#"path = "/opt/acme/""#);
    assert!(p.matches("opt/acme/bin/x") && p.matches("rootfs/opt/acme") && p.matches("/opt/acme/x"));
    assert!(!p.matches("opt/acmes/x") && !p.matches("xopt/acme/y") && !p.matches("opt"));
}

#[test]
fn cpes_compare_by_vendor_and_product() {
    let p = pattern(r#"cpe = ["acme:*", "beta:one"]"#);
    for hit in
        ["cpe:2.3:a:acme:thing:1.0:*:*:*:*:*:*:*", "cpe:/a:acme:thing:1.0", "CPE:2.3:a:Acme:x:*", "cpe:/a:beta:one"]
    {
        assert!(p.matches(hit), "{hit}");
    }
    for miss in [
        "cpe:2.3:a:other:acme:1",
        "cpe:2.3:a:acme_fan:x:1",
        "cpe:/a:beta:two",
        "acme",
        "cpe:2.3:a",
        r"cpe:2.3:a:other\:acme:x:1",
    ] {
        assert!(!p.matches(miss), "{miss}");
    }
}

#[test]
fn purls_compare_by_their_parts() {
    let p = pattern(r#"purl = ["npm/@acme/ui", "pypi/acme-tip", "deb/*/acmed", "maven/com.acme/*"]"#);
    for hit in [
        "pkg:npm/%40acme/ui@1.2.3",
        "pkg:pypi/Acme_Tip@1",
        "pkg:deb/debian/acmed@2?arch=amd64",
        "pkg:deb/acmed",
        "pkg:maven/com.acme/x@1",
    ] {
        assert!(p.matches(hit), "{hit}");
    }
    for miss in
        ["pkg:npm/%40acme-fan/ui@1", "pkg:npm/ui", "pkg:pypi/acme-tips", "pkg:maven/com.acme.fan/x", "npm/@acme/ui"]
    {
        assert!(!p.matches(miss), "{miss}");
    }
}

#[test]
fn hosts_compare_whole() {
    let p = pattern(r#"host = ["act.acme.example", "s##.upd.acme.example"]"#);
    assert!(p.matches("https://act.acme.example/x") && p.matches("S07.UPD.acme.example:443"));
    assert!(
        !p.matches("xact.acme.example") && !p.matches("act.acme.example.org") && !p.matches("sxx.upd.acme.example")
    );
}

#[test]
fn a_table_must_make_sense() {
    for bad in [
        "",
        "exact = \"a\"\nprefix = \"b\"",
        "exact = \"\"",
        "exact = []",
        "regex = \"(\"",
        "magic = \"4x\"",
        "cpe = \"acme\"",
        "purl = \"npm\"",
    ] {
        assert!(Pattern::compile(toml::from_str(bad).unwrap()).is_err(), "{bad}");
    }
    assert!(toml::from_str::<Match>("exactly = \"a\"").is_err());
}
