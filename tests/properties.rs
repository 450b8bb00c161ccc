//! Properties: whatever else a component holds, in whatever order, one catalogued field in it is found;
//! and no text makes a reader panic.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use proptest::prelude::*;
use serde_json::{Value, json};

/// Fields that betray the maker or the product, and the finding's product.
fn telling() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("supplier", json!({"name": "AO Kaspersky Lab"}), "kaspersky-software"),
        ("supplier", json!("Kaspersky Lab, Inc."), "kaspersky-software"),
        ("manufacturer", json!({"name": "Kaspersky Lab ZAO", "url": ["https://x.invalid"]}), "kaspersky-software"),
        ("publisher", json!("Kaspersky Lab"), "kaspersky-software"),
        ("supplier", json!([{"name": "someone"}, {"name": "ZAO Kaspersky Lab"}]), "kaspersky-software"),
        ("name", json!("Kaspersky Endpoint Security for Linux"), "kaspersky-named"),
        ("cpe", json!("cpe:2.3:a:kaspersky:total_security_2015:1:*:*:*:*:*:*:*"), "kaspersky-product"),
        ("purl", json!("pkg:rpm/rhel/kesl@12.0.0"), "kaspersky-linux"),
        ("name", json!("libkave8.so"), "kav-sdk-8"),
        ("name", json!("./opt/x/appinfo.kli"), "kav-sdk-8"),
        ("group", json!("com.kaspersky.android-components"), "kaspresso"),
    ]
}

fn filler() -> impl Strategy<Value = (String, Value)> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({"name": 7})),
        prop::collection::vec("[a-z]{1,5}", 0..3).prop_map(|v| json!(v)),
    ];
    let key = prop::sample::select(vec![
        "version",
        "type",
        "description",
        "copyright",
        "licenses",
        "hashes",
        "externalReferences",
        "properties",
        "components",
        "evidence",
        "swid",
        "bom-ref",
        "scope",
        "x-extra",
    ]);
    (key.prop_map(str::to_owned), value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn one_catalogued_field_is_found(which in 0..11usize, rest in prop::collection::vec(filler(), 0..8), at in 0..9usize, nested in any::<bool>()) {
        let (key, value, product) = telling()[which].clone();
        let mut fields: Vec<String> = rest.iter().map(|(k, v)| format!("{}:{v}", json!(k))).collect();
        fields.insert(at.min(fields.len()), format!("{}:{value}", json!(key)));
        let mut component = format!("{{{}}}", fields.join(","));
        if nested {
            component = format!(r#"{{"name":"outer","components":[{{"name":"x"}},{component}]}}"#);
        }
        let text = format!(r#"{{"components":[{component}],"specVersion":"1.6","bomFormat":"CycloneDX"}}"#);
        let report = common::scan(&[common::bytes("p.json", text.clone())]);
        prop_assert!(report.findings.iter().any(|f| f.product.id == product), "{} in {}", product, text);
    }

    #[test]
    fn one_catalogued_field_is_found_in_spdx_in_any_order(
        which in 0..6usize,
        rest in prop::collection::vec(filler(), 0..8),
        at in 0..9usize,
        notation in 0..3usize,
    ) {
        let (key, value, product) = [
            ("supplier", json!("Organization: AO Kaspersky Lab"), "kaspersky-software"),
            ("originator", json!("Organization: Kaspersky Lab, Inc. (x@y.example)"), "kaspersky-software"),
            ("name", json!("Kaspersky Anti-Virus SDK"), "kav-sdk-8"),
            ("packageFileName", json!("opt/x/appinfo.kli"), "kav-sdk-8"),
            ("externalRefs", json!([{"referenceType": "purl", "referenceLocator": "pkg:npm/%40kaspersky/hexa-ui@1"}]), "hexa-ui"),
            ("externalRefs", json!({"referenceType": "http://spdx.org/rdf/references/cpe23Type", "referenceLocator": "cpe:2.3:a:kaspersky:total_security_2015:1:*:*:*:*:*:*:*"}), "kaspersky-product"),
        ][which].clone();
        let mut fields: Vec<(String, Value)> = rest.into_iter().filter(|(k, _)| *k != key).collect();
        fields.insert(at.min(fields.len()), (key.to_owned(), value));
        let members: Vec<String> = fields.iter().map(|(k, v)| format!("{}: {v}", json!(k))).collect();
        let package = members.join(", ");
        let document = match notation {
            0 => format!("{{\"packages\": [{{\"name\": \"a\"}}, {{{package}}}], \"spdxVersion\": \"SPDX-2.3\"}}"),
            // JSON is YAML, and so is its flow style below a block.
            1 => {
                let mut seen = std::collections::BTreeSet::new();
                let once: Vec<&String> = members.iter().zip(&fields).filter(|(_, (k, _))| seen.insert(k.clone())).map(|(m, _)| m).collect();
                let once = once.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", ");
                format!("packages:\n- {{name: a}}\n- {{{once}}}\nspdxVersion: SPDX-2.3\n")
            }
            _ => format!("{{\"x\": 1}}\n{{\"sbom\": {{\"packages\": [{{{package}}}], \"spdxVersion\": \"SPDX-2.3\"}}}}"),
        };
        let report = common::scan(&[common::bytes("p.spdx", document.clone())]);
        prop_assert!(report.findings.iter().any(|f| f.product.id == product), "{} in {}: {:?}", product, document, report.gaps);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in r#"[\[\]{}",:0-9a-z\\ ]{0,120}"#, which in 0..3usize) {
        let marker = [r#""bomFormat":"CycloneDX","#, r#""spdxVersion":"SPDX-2.3","#, ""][which];
        let report = common::scan(&[common::bytes("p.json", format!("{{{marker}{text}"))]);
        prop_assert!(report.gaps.iter().all(|g| !g.detail.contains("gave up")), "{:?}", report.gaps);
    }
}
