//! One product in every form a vendor may send: the same component is found in each, evidence place aside.

#![allow(clippy::disallowed_methods, clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::io::Write as _;

use base64::Engine as _;
use ciborium::Value;
use underlabel::finding::{Confidence, Relation};

const NAME: &str = "Kaspersky Anti-Virus SDK 8";
const MAKER: &str = "AO Kaspersky Lab";

/// The forms: name of the file, content, whether the form can name a maker, and what the place must hold.
fn forms() -> Vec<(&'static str, Vec<u8>, bool, &'static str)> {
    let cyclonedx = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"bom-ref":"app","name":"MailGuard","supplier":{{"name":"Acme"}}}}}},"components":[{{"bom-ref":"mid","name":"filter"}},{{"bom-ref":"engine","name":"{NAME}","version":"8.9","supplier":{{"name":"{MAKER}"}}}}],"dependencies":[{{"ref":"app","dependsOn":["mid"]}},{{"ref":"mid","dependsOn":["engine"]}}]}}"#
    );
    let xml = format!(
        r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><metadata><component bom-ref="app"><name>MailGuard</name></component></metadata><components><component bom-ref="mid" type="library"><name>filter</name></component><component bom-ref="engine" type="library"><supplier><name>{MAKER}</name></supplier><name>{NAME}</name><version>8.9</version></component></components><dependencies><dependency ref="app"><dependency ref="mid"/></dependency><dependency ref="mid"><dependency ref="engine"/></dependency></dependencies></bom>"#
    );
    let textproto = format!(
        "spec_version: \"1.5\"\nmetadata {{ component {{ bom_ref: \"app\" name: \"MailGuard\" }} }}\ncomponents {{ bom_ref: \"mid\" name: \"filter\" }}\ncomponents {{ bom_ref: \"engine\" name: \"{NAME}\" version: \"8.9\" supplier {{ name: \"{MAKER}\" }} }}\ndependencies {{ ref: \"app\" dependencies {{ ref: \"mid\" }} }}\ndependencies {{ ref: \"mid\" dependencies {{ ref: \"engine\" }} }}\n"
    );
    let spdx = format!(
        r#"{{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"d","documentDescribes":["SPDXRef-app"],"packages":[{{"SPDXID":"SPDXRef-app","name":"MailGuard"}},{{"SPDXID":"SPDXRef-mid","name":"filter"}},{{"SPDXID":"SPDXRef-e","name":"{NAME}","versionInfo":"8.9","supplier":"Organization: {MAKER} (x@y.example)"}}],"relationships":[{{"spdxElementId":"SPDXRef-app","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-mid"}},{{"spdxElementId":"SPDXRef-e","relationshipType":"DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-mid"}}]}}"#
    );
    let tag_value = format!(
        "SPDXVersion: SPDX-2.2\rSPDXID: SPDXRef-DOCUMENT\rRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-app\r\rPackageName: MailGuard\rSPDXID: SPDXRef-app\r\rPackageName: filter\rSPDXID: SPDXRef-mid\r\rPackageName: {NAME}\rSPDXID: SPDXRef-e\rPackageVersion: 8.9\rPackageSupplier: Organization: {MAKER}\rPackageComment: <text>two\rlines</text>\rRelationship: SPDXRef-app CONTAINS SPDXRef-mid\rRelationship: SPDXRef-mid CONTAINS SPDXRef-e\r"
    );
    let yaml = format!(
        "---\nSPDXID: \"SPDXRef-DOCUMENT\"\nspdxVersion: \"SPDX-2.3\"\ndocumentDescribes:\n- SPDXRef-app\npackages:\n- SPDXID: SPDXRef-app\n  name: MailGuard\n- SPDXID: SPDXRef-mid\n  name: filter\n- SPDXID: SPDXRef-e\n  name: \"{NAME}\"\n  versionInfo: \"8.9\"\n  supplier: 'Organization: {MAKER}'\nrelationships:\n- {{spdxElementId: SPDXRef-app, relationshipType: CONTAINS, relatedSpdxElement: SPDXRef-mid}}\n- {{spdxElementId: SPDXRef-mid, relationshipType: CONTAINS, relatedSpdxElement: SPDXRef-e}}\n"
    );
    let spdx_xml = format!(
        "<Document><SPDXID>SPDXRef-DOCUMENT</SPDXID><spdxVersion>SPDX-2.3</spdxVersion><documentDescribes>SPDXRef-app</documentDescribes><packages><SPDXID>SPDXRef-app</SPDXID><name>MailGuard</name></packages><packages><SPDXID>SPDXRef-mid</SPDXID><name>filter</name></packages><packages><SPDXID>SPDXRef-e</SPDXID><name>{NAME}</name><versionInfo>8.9</versionInfo><supplier>Organization: {MAKER}</supplier></packages><relationships><spdxElementId>SPDXRef-app</spdxElementId><relationshipType>CONTAINS</relationshipType><relatedSpdxElement>SPDXRef-mid</relatedSpdxElement></relationships><relationships><spdxElementId>SPDXRef-mid</spdxElementId><relationshipType>CONTAINS</relationshipType><relatedSpdxElement>SPDXRef-e</relatedSpdxElement></relationships></Document>"
    );
    let package = |id: &str, more: &str, to: &str| {
        let relation = if to.is_empty() {
            String::new()
        } else {
            format!(
                r##"<spdx:relationship><spdx:Relationship><spdx:relationshipType rdf:resource="http://spdx.org/rdf/terms#relationshipType_contains"/><spdx:relatedSpdxElement rdf:resource="https://a.example#SPDXRef-{to}"/></spdx:Relationship></spdx:relationship>"##
            )
        };
        format!(r##"<spdx:Package rdf:about="https://a.example#SPDXRef-{id}">{more}{relation}</spdx:Package>"##)
    };
    let rdf = format!(
        r##"<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:spdx="http://spdx.org/rdf/terms#"><spdx:SpdxDocument rdf:about="https://a.example#SPDXRef-DOCUMENT"><spdx:specVersion>SPDX-2.3</spdx:specVersion><spdx:describesPackage rdf:resource="https://a.example#SPDXRef-app"/></spdx:SpdxDocument>{}{}{}</rdf:RDF>"##,
        package("app", "<spdx:name>MailGuard</spdx:name>", "mid"),
        package("mid", "<spdx:name>filter</spdx:name>", "e"),
        package(
            "e",
            &format!(
                "<spdx:name>{NAME}</spdx:name><spdx:versionInfo>8.9</spdx:versionInfo><spdx:supplier>Organization: {MAKER}</spdx:supplier>"
            ),
            ""
        ),
    );
    let spdx3 = format!(
        r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1"}},{{"type":"SpdxDocument","spdxId":"u:d","rootElement":["u:app"]}},{{"type":"software_Package","spdxId":"u:app","name":"MailGuard"}},{{"type":"software_Package","spdxId":"u:mid","name":"filter"}},{{"type":"software_Package","spdxId":"u:e","name":"{NAME}","software_packageVersion":"8.9","suppliedBy":"u:maker"}},{{"type":"Relationship","spdxId":"u:r1","from":"u:app","relationshipType":"dependsOn","to":["u:mid"]}},{{"type":"Relationship","spdxId":"u:r2","from":"u:mid","relationshipType":"contains","to":["u:e"]}},{{"type":"Organization","spdxId":"u:maker","name":"{MAKER}"}}]}}"#
    );
    let syft = format!(
        r#"{{"artifacts":[{{"id":"m","name":"filter"}},{{"id":"e","name":"{NAME}","version":"8.9","metadata":{{"manifest":{{"main":[{{"key":"Implementation-Vendor","value":"{MAKER}"}}]}}}}}}],"artifactRelationships":[{{"parent":"s","child":"m","type":"contains"}},{{"parent":"e","child":"m","type":"dependency-of"}}],"source":{{"id":"s","name":"MailGuard","type":"directory"}},"descriptor":{{"name":"syft"}},"schema":{{"version":"16","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.json"}}}}"#
    );
    let trivy = format!(
        r#"{{"SchemaVersion":2,"ArtifactName":"MailGuard","Results":[{{"Target":"t","Packages":[{{"ID":"e","Name":"{NAME}","Version":"8.9"}}]}}]}}"#
    );
    let snapshot = format!(
        r#"{{"version":0,"detector":{{"name":"d","version":"1","url":"u"}},"manifests":{{"MailGuard":{{"name":"m","resolved":{{"filter":{{"package_url":"pkg:generic/filter","relationship":"direct","dependencies":["{NAME}"]}},"{NAME}":{{"package_url":"pkg:generic/x@8.9","relationship":"indirect"}}}}}}}}}}"#
    );
    let swid = format!(
        r#"<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" name="{NAME}" tagId="x" version="8.9"><Entity name="{MAKER}" regid="a.example" role="softwareCreator tagCreator"/></SoftwareIdentity>"#
    );
    let int = |n: i64| Value::Integer(n.into());
    let text = |t: &str| Value::Text(t.to_owned());
    let coswid = Value::Tag(
        1_398_229_316,
        Box::new(Value::Map(vec![
            (int(0), text("x")),
            (int(1), text(NAME)),
            (int(13), text("8.9")),
            (int(2), Value::Map(vec![(int(31), text(MAKER)), (int(33), Value::Array(vec![int(1), int(2)]))])),
        ])),
    );
    let mut cbor = Vec::new();
    ciborium::into_writer(&coswid, &mut cbor).unwrap();
    // The wire format by hand: tag, length, content.
    let field =
        |number: u8, content: &[u8]| [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat();
    let long = |number: u8, content: &[u8]| {
        assert!(number >= 16 || content.len() < 128);
        field(number, content)
    };
    let engine =
        [field(3, b"engine"), field(4, &field(1, MAKER.as_bytes())), field(8, NAME.as_bytes()), field(9, b"8.9")]
            .concat();
    let depends = |from: &[u8], to: &[u8]| [field(1, from), field(2, &field(1, to))].concat();
    let protobuf = [
        field(1, b"1.4"),
        field(4, &field(4, &[field(3, b"app"), field(8, b"MailGuard")].concat())),
        field(5, &[field(3, b"mid"), field(8, b"filter")].concat()),
        long(5, &engine),
        field(8, &depends(b"app", b"mid")),
        field(8, &depends(b"mid", b"engine")),
    ]
    .concat();

    let base64 = |data: &str| base64::engine::general_purpose::STANDARD.encode(data);
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"image","digest":{{"sha256":"ab"}}}}],"predicateType":"https://cyclonedx.org/bom","predicate":{cyclonedx}}}"#
    );
    let cosign = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v0.1","subject":[],"predicateType":"https://spdx.dev/Document","predicate":{{"Data":{},"Timestamp":""}}}}"#,
        serde_json::Value::from(spdx.as_str())
    );
    let envelope = |inner: &str| {
        format!(r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{}","signatures":[]}}"#, base64(inner))
    };
    let bundle = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{}}}"#,
        envelope(&statement)
    );
    let lines = format!(
        "{}\n{}\n",
        envelope(
            r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{}}"#
        ),
        envelope(&statement)
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(xml.as_bytes(), 1).unwrap();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(xml.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let utf32: Vec<u8> = cyclonedx.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let marked: Vec<u8> = [b"\xef\xbb\xbf", spdx.as_bytes()].concat();

    vec![
        ("bom.json", cyclonedx.clone().into(), true, "bom.json"),
        ("bom.xml", xml.clone().into(), true, "bom.xml"),
        ("bom.textproto", textproto.into(), true, "bom.textproto"),
        ("bom.cdx", protobuf, true, "bom.cdx"),
        ("x.spdx.json", spdx.clone().into(), true, "x.spdx.json"),
        ("x.spdx", tag_value.into(), true, "x.spdx"),
        ("x.spdx.yaml", yaml.into(), true, "x.spdx.yaml"),
        ("x.spdx.xml", spdx_xml.into(), true, "x.spdx.xml"),
        ("x.spdx.rdf", rdf.into(), true, "x.spdx.rdf"),
        ("x.jsonld", spdx3.into(), true, "x.jsonld"),
        ("syft.json", syft.into(), true, "syft.json"),
        ("trivy.json", trivy.into(), false, "trivy.json"),
        ("snapshot.json", snapshot.into(), false, "snapshot.json"),
        ("x.swidtag", swid.into(), true, "x.swidtag"),
        ("x.coswid", cbor, true, "x.coswid"),
        ("statement.json", statement.clone().into(), true, "statement.json!/predicate"),
        ("cosign.json", cosign.into(), true, "cosign.json!/predicate!/Data"),
        ("dsse.json", envelope(&statement).into(), true, "dsse.json!/payload!/predicate"),
        ("bundle.json", bundle.into(), true, "bundle.json!/dsseEnvelope!/payload!/predicate"),
        ("lines.jsonl", lines.into(), true, "lines.jsonl!/document 2!/payload!/predicate"),
        ("lines.jsonl.gz", gzip, true, "lines.jsonl.gz!/lines.jsonl!/document 2!/payload!/predicate"),
        ("bom.xml.zst", zstd, true, "bom.xml.zst!/bom.xml"),
        ("export.json", format!(r#"{{"sbom":{spdx}}}"#).into(), true, "export.json!/sbom"),
        ("utf32.json", utf32, true, "utf32.json"),
        (
            "packed.json",
            format!(r#"{{"event":{{"sbom":"{}"}}}}"#, base64(&cyclonedx)).into(),
            true,
            "packed.json!/event!/sbom",
        ),
        ("utf16.xml", utf16, true, "utf16.xml"),
        ("marked.spdx.json", marked, true, "marked.spdx.json"),
    ]
}

#[test]
fn one_product_in_every_form() {
    for (name, data, maker, place) in forms() {
        let report = common::scan(&[common::bytes(name, data)]);
        assert!(report.gaps.is_empty(), "{name}: {:?}", report.gaps);
        let [finding] = report.findings.as_slice() else { panic!("{name}: {:?}", report.findings) };
        assert_eq!(
            (finding.product.id.as_str(), finding.relation == Relation::Branded),
            ("kav-sdk-8", name.contains("swid")),
            "{name}"
        );
        let sure = if maker { Confidence::Confirmed } else { Confidence::Possible };
        assert_eq!(finding.confidence, sure, "{name}: {:?}", finding.places);
        assert_eq!(finding.places[0].path, place, "{name}");
        if !name.contains("swid") {
            assert_eq!(
                finding.versions.iter().filter(|v| *v == "8.9").count(),
                usize::from(name != "snapshot.json"),
                "{name}"
            );
            let product = report.subjects[0].label.as_ref().and_then(|l| l.product.clone());
            if name != "snapshot.json"
                && !name.starts_with("lines")
                && !name.contains("statement")
                && !name.contains("dsse")
                && !name.contains("bundle")
            {
                assert_eq!(product.as_deref(), Some("MailGuard"), "{name}: {:?}", report.subjects);
            }
        }
        // The way from the product to the engine, where the form tells.
        if !name.contains("swid") && name != "trivy.json" {
            let ways: Vec<String> = finding.routes.iter().map(|r| r.names.join(" > ")).collect();
            assert_eq!(ways.len(), 1, "{name}: {:?}", finding.routes);
            assert!(
                ways[0].starts_with("MailGuard") && ways[0].contains("> filter") && ways[0].contains(NAME),
                "{name}: {ways:?}"
            );
        }
        assert_eq!(report.documents.len(), if name.contains("gz") { 1 } else { report.documents.len() }, "{name}");
        assert!(report.documents.iter().any(|d| d.coverage.components > 0), "{name}: {:?}", report.documents);
    }
}

#[test]
fn every_form_cut_short_is_a_gap_or_unknown() {
    for (name, data, ..) in forms() {
        for len in (1..data.len()).step_by(data.len() / 97 + 1) {
            let report = common::scan(&[common::bytes(name, &data[..len])]);
            assert!(
                report.gaps.iter().all(|g| !g.detail.contains("gave up")),
                "{name} cut at {len}: {:?}",
                report.gaps
            );
            // These forms have no end of their own, or say nothing of their length: a line less is a shorter document.
            let open = ["x.spdx", "bom.textproto", "x.spdx.yaml", "bom.cdx", "lines.jsonl"].contains(&name);
            let told = !report.gaps.is_empty() || report.examined.recognised == 0;
            assert!(
                told || open || data[len..].iter().all(u8::is_ascii_whitespace),
                "{name} cut at {len} reads as whole"
            );
        }
    }
}

#[test]
fn what_a_document_leaves_out_is_counted() {
    let spdx = r#"{"spdxVersion":"SPDX-2.3","creationInfo":{"creators":["Tool: t"],"created":"2025-01-01T00:00:00Z"},"packages":[{"name":"a","supplier":"NOASSERTION","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]},{"name":"b","versionInfo":"1","supplier":"Organization: B"}]}"#;
    let report = common::scan(&[common::bytes("x.json", spdx)]);
    let coverage = &report.documents[0].coverage;
    assert_eq!((coverage.components, coverage.supplied, coverage.identified, coverage.unknown), (2, 1, 1, 1));
    assert_eq!(coverage.missing(), ["supplier", "version", "unique identifier", "dependency relationship"]);
    let bom = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"a"}],"compositions":[{"aggregate":"incomplete"}]}"#;
    assert_eq!(common::scan(&[common::bytes("x.json", bom)]).documents[0].coverage.declared, ["incomplete"]);
}

#[test]
fn scope_is_shown() {
    let bom = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"name":"{NAME}","scope":"excluded","supplier":{{"name":"{MAKER}"}}}}]}}"#
    );
    let report = common::scan(&[common::bytes("x.json", bom)]);
    assert_eq!(report.findings[0].routes[0].usage.map(|u| u.name()), Some("excluded"));
}

/// Found in a file on disk, large enough to be read as a stream.
fn in_large_file(name: &str, data: &[u8]) -> underlabel::Report {
    let folder = std::env::temp_dir().join(format!("underlabel-formats-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, data).unwrap();
    let report = common::scan(&[underlabel::Source::Path(path.clone())]);
    std::fs::remove_file(path).unwrap();
    report
}

#[test]
fn what_is_read_as_a_stream_is_read_to_its_end() {
    let filler = |one: &str| vec![one; (9 << 20) / one.len()].join(",");
    // SPDX 3 is read twice; its agent stands last.
    let spdx3 = format!(
        r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{},{{"type":"software_Package","spdxId":"u:e","name":"{NAME}","suppliedBy":"u:m"}},{{"type":"Organization","spdxId":"u:m","name":"{MAKER}"}}]}}"#,
        filler(r#"{"type":"software_Package","spdxId":"u:x","name":"filler of some length"}"#)
    );
    // Letters of an older encoding, in every element: the window moves while they are decoded.
    let odd = filler(r#"{"name":"M#ller","type":"library","version":"1"}"#);
    let latin = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{odd},{{"name":"{NAME}","supplier":{{"name":"{MAKER}"}}}}]}}"#
    );
    let latin: Vec<u8> = latin.bytes().map(|b| if b == b'#' { 0xfc } else { b }).collect();
    // The marker at the very end, and another document behind.
    let late = format!(
        r#"{{"packages":[{},{{"name":"{NAME}","supplier":"Organization: {MAKER}"}}],"spdxVersion":"SPDX-2.3"}}"#,
        filler(r#"{"SPDXID":"SPDXRef-x","name":"filler of some length"}"#)
    );
    for (name, data) in
        [("big.spdx3.json", spdx3.into_bytes()), ("latin.json", latin), ("late.json", late.into_bytes())]
    {
        let report = in_large_file(name, &data);
        assert!(report.gaps.is_empty(), "{name}: {:?}", report.gaps);
        assert_eq!(report.findings.len(), 1, "{name}");
        assert_eq!(report.findings[0].confidence, Confidence::Confirmed, "{name}");
    }
}

#[test]
fn a_break_costs_what_it_stands_in_and_no_more() {
    let engine = format!(r#"{{"name":"{NAME}","supplier":{{"name":"{MAKER}"}}}}"#);
    let found = |text: String| {
        let report = common::scan(&[common::bytes("x.json", text)]);
        (report.findings.len(), report.gaps.iter().map(|g| g.reason.name()).collect::<Vec<_>>().join(" "))
    };
    let bom = |inside: &str| format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{inside}"#);
    // Behind a break in one element the next is read.
    assert_eq!(found(bom(&format!(r#"{{"name":"a",,}},{engine}]}}"#))), (1, "malformed".to_owned()));
    // What another list holds is no component.
    let other = format!(r#"{{"name":"a",,}}],"vulnerabilities":[{engine}]}}"#);
    assert_eq!(found(bom(&other)), (0, "malformed malformed".to_owned()));
    let services = format!(r#"{{"name":"a",,}}],"services":[{{"name":"s","provider":{{"name":"{MAKER}"}}}}]}}"#);
    assert_eq!(found(bom(&services)).0, 1);
    // An envelope cut within its document hands on what is there.
    let whole = bom(&format!("{engine},{}", r#"{"name":"b"},"#.repeat(40)));
    assert_eq!(found(format!(r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{whole}"#)).0, 1);
    assert_eq!(found(format!(r#"{{"sbom":{whole}"#)).0, 1);
    assert_eq!(found(format!("[{whole}")).0, 1);
}

#[test]
fn entities_and_fans_cost_little() {
    let mut entities = String::from("<!ENTITY a0 \"xxxxxxxxxx\">");
    for i in 1..12 {
        entities += &format!("<!ENTITY a{i} \"{}\">", format!("&a{};", i - 1).repeat(10));
    }
    let bomb = format!(
        r##"<?xml version="1.0"?><!DOCTYPE r [{entities}]><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:s="http://spdx.org/rdf/terms#"><s:Package rdf:about="u:#SPDXRef-a"><s:name>&a11;</s:name></s:Package></rdf:RDF>"##
    );
    let report = common::scan(&[common::bytes("bomb.rdf", bomb.clone())]);
    assert!(!report.gaps.is_empty());
    // The same in CycloneDX: nothing is expanded, and that is said.
    let bomb = format!(
        r#"<!DOCTYPE r [{entities}]><bom xmlns="http://cyclonedx.org/schema/bom/1.6"><components><component><name>&a11;</name></component></components></bom>"#
    );
    let report = common::scan(&[common::bytes("bomb.xml", bomb)]);
    assert!(report.gaps.iter().any(|g| g.detail.contains("entity")), "{:?}", report.gaps);
    // Distinct names by the hundred thousand.
    let names: String = (0..100_000).map(|i| format!("<n{i}/>")).collect();
    let wide = format!(
        r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><components><component><name>a</name>{names}</component></components></bom>"#
    );
    assert_eq!(common::scan(&[common::bytes("wide.xml", wide)]).examined.components, 1);
}

#[test]
fn a_text_that_quotes_a_document_is_none() {
    let quoted =
        "# npm sbom\n\n```json\n{\n  \"spdxVersion\": \"SPDX-2.3\",\n  \"SPDXID\": \"SPDXRef-DOCUMENT\"\n}\n```\n";
    let page = "<!DOCTYPE html><html><body><br><pre>spdxVersion: SPDXID> </pre></body></html>";
    let script = "function x () {\n  return {\n    spdxVersion: VERSION,\n    SPDXID: `${ID}`,\n  }\n}\n";
    for (name, text) in [("npm-sbom.md", quoted), ("npm-sbom.html", page), ("sbom-spdx.js", script)] {
        let report = common::scan(&[common::bytes(name, text)]);
        assert!(report.gaps.is_empty() && report.examined.recognised == 0, "{name}: {:?}", report.gaps);
    }
}
