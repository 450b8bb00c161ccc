//! The stages by their own fixtures: match (indicators with hits and near misses) and judge (rules by
//! class, nexus and day). The extract stage is tested inside the crate, where facts can be seen.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use underlabel::catalog::{Case, Catalog, Class};
use underlabel::fact::{FactKind, Inventory};
use underlabel::finding::{Confidence, Relation};
use underlabel::matching::{Matcher, Matches};
use underlabel::regulation::{Rules, Status};
use underlabel::verdict::{Outcome, judge};
use underlabel::{Context, Source};

/// The sieve in front of the patterns must let pass whatever one of them matches: it sets in after some components.
fn warmed(matcher: &Matcher<'_>) {
    for _ in 0..1000 {
        let inventory = Inventory::new(&"f".into(), &"f".into());
        matcher.matches(&inventory.file, &mut Matches::default());
    }
}

#[test]
fn every_indicator_has_a_hit_and_a_near_miss() {
    let catalog = Catalog::built_in().unwrap();
    let matcher = Matcher::new(&catalog);
    warmed(&matcher);
    let index: BTreeMap<&str, usize> =
        catalog.indicators().iter().enumerate().map(|(i, x)| (x.id.as_str(), i)).collect();
    let matches = |kind: FactKind, value: &str, id: &str| {
        let mut inventory = Inventory::new(&"f".into(), &"f".into());
        inventory.say(kind, value, "field");
        let mut found = Matches::default();
        matcher.matches(&inventory.file, &mut found);
        found.list.iter().any(|m| m.indicator == index[id])
    };
    let mut covered = BTreeSet::new();
    for file in common::files("match") {
        let text = std::fs::read_to_string(&file).unwrap();
        for case in Case::read(&file.to_string_lossy(), &text).unwrap() {
            assert!(index.contains_key(case.indicator.as_str()), "{} is nowhere", case.indicator);
            assert!(!case.hit.is_empty() && !case.miss.is_empty(), "{}", case.indicator);
            for value in &case.hit {
                assert!(matches(case.fact, value, &case.indicator), "{} must match {value:?}", case.indicator);
            }
            for value in &case.miss {
                assert!(!matches(case.fact, value, &case.indicator), "{} must not match {value:?}", case.indicator);
            }
            for (fact, values) in &case.elsewhere {
                for value in values {
                    assert!(!matches(*fact, value, &case.indicator), "{} as {fact:?}: {value:?}", case.indicator);
                }
            }
            covered.insert(case.indicator);
        }
    }
    let bare: Vec<&str> = index.keys().copied().filter(|id| !covered.contains(*id)).collect();
    assert!(bare.is_empty(), "no fixture for {bare:?}");
}

/// One component of a CycloneDX document, found as.
fn found(component: &str) -> Vec<(String, Relation, Confidence)> {
    let text = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{component}]}}"#);
    let report = common::scan(&[common::bytes("bom.json", text)]);
    report.findings.iter().map(|f| (f.product.id.clone(), f.relation, f.confidence)).collect()
}

#[test]
fn the_confidence_table_holds() {
    let one = |product: &str, confidence| vec![(product.to_owned(), Relation::Declared, confidence)];
    // A maker alone is one strong sign of one family.
    let supplier = r#""supplier":{"name":"AO Kaspersky Lab"}"#;
    assert_eq!(found(&format!(r#"{{"name":"engine",{supplier}}}"#)), one("kaspersky-software", Confidence::Possible));
    // Two fields of one family are still one witness.
    let twice = format!(r#"{{"name":"engine",{supplier},"publisher":"Kaspersky Lab"}}"#);
    assert_eq!(found(&twice), one("kaspersky-software", Confidence::Possible));
    // A maker and an identifier are two.
    let cpe = r#""cpe":"cpe:2.3:a:kaspersky:total_security_2015:1:*:*:*:*:*:*:*""#;
    assert_eq!(found(&format!(r#"{{"name":"x",{supplier},{cpe}}}"#)), one("kaspersky-product", Confidence::Confirmed));
    // A maker and a product's name are two.
    let named = format!(r#"{{"name":"Kaspersky Anti-Virus SDK 8",{supplier}}}"#);
    assert_eq!(found(&named), one("kav-sdk-8", Confidence::Confirmed));
    // Conclusive names stay possible, however many: no program was seen.
    assert_eq!(found(r#"{"name":"lib/kavehost.exe"}"#), one("kav-sdk-8", Confidence::Possible));
    let both = r#"{"name":"kavehost.exe"},{"name":"kavhttpd.xml"}"#;
    assert_eq!(found(both), one("kav-sdk-8", Confidence::Possible));
    // Signs of different entries do not add up.
    let apart =
        format!(r#"{{"name":"a",{supplier}}},{{"name":"b","cpe":"cpe:2.3:a:kaspersky:other:1:*:*:*:*:*:*:*"}}"#);
    assert_eq!(found(&apart), one("kaspersky-software", Confidence::Possible));
    // A conclusive identifier is enough for what it identifies.
    let kit = r#"{"name":"hexa-ui","purl":"pkg:npm/%40kaspersky/hexa-ui@6.0.0"}"#;
    assert_eq!(found(kit), one("hexa-ui", Confidence::Confirmed));
    // Supporting signs of one family make no find.
    assert_eq!(found(r#"{"name":"x","supplier":{"name":"Kaspersky"}}"#), []);
    // Look-alikes and bystanders.
    for innocent in [
        r#"{"name":"x","supplier":{"name":"Kasperskyi Consulting GmbH"}}"#,
        r#"{"name":"x","authors":[{"name":"Jane Kaspersky"}]}"#,
        r#"{"name":"nrpe","copyright":"Copyright: 2011, Kaspersky Lab ZAO"}"#,
        r#"{"name":"x","description":"works with AO Kaspersky Lab products","externalReferences":[{"type":"website","url":"https://www.kaspersky.com"}]}"#,
        r#"{"name":"x","purl":"pkg:github/kaspersky/gengine@1"}"#,
        r#"{"name":"gengine","purl":"pkg:golang/github.com/kaspersky/gengine@1","cpe":"cpe:2.3:a:kaspersky:gengine:1:*:*:*:*:*:*:*"}"#,
        r#"{"name":"nrpe","author":"Kaspersky Lab ZAO","supplier":{"name":"Nagios Enterprises"}}"#,
        r#"{"name":"Kaspersky Endpoint Security exporter"}"#,
        r#"{"name":"@kaspersky-fan/hexa-ui","purl":"pkg:npm/%40kaspersky-fan/hexa-ui@1"}"#,
    ] {
        assert_eq!(found(innocent), [], "{innocent}");
    }
}

#[test]
fn a_look_alike_cancels_within_its_archive() {
    let catalog = Catalog::built_in().unwrap();
    let matcher = Matcher::new(&catalog);
    let hits = |classes: &[&str]| {
        let mut found = Matches::default();
        for class in classes {
            let mut inventory = Inventory::new(&format!("a.jar!/{class}.class").into(), &"a.jar".into());
            inventory.say(FactKind::JavaClass, class, "this_class");
            matcher.matches(&inventory.file, &mut found);
        }
        let settled = matcher.settle(found.list);
        settled.iter().map(|m| catalog.indicators()[m.indicator].id.as_str()).collect::<BTreeSet<_>>().len()
    };
    let shared = "com/kaspersky/components/logger/Some";
    assert_eq!(hits(&[shared]), 1, "the shared package is a sign");
    assert_eq!(hits(&[shared, "com/kaspersky/components/kautomator/K"]), 1, "only the test tool itself is left");
    assert_eq!(hits(&["com/kavsdk/KavSdk", "com/kaspersky/kaspresso/K"]), 2, "the SDK beside the test tool stays");
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JudgeFile {
    first_day: jiff_date::Day,
    day_before: jiff_date::Day,
    case: Vec<JudgeCase>,
}

#[derive(Deserialize)]
struct JudgeCase {
    class: Class,
    open: Outcome,
    yes: Outcome,
    no: Outcome,
}

mod jiff_date {
    #[derive(Clone, Copy, serde::Deserialize)]
    #[serde(try_from = "String")]
    pub struct Day(pub jiff::civil::Date);
    impl TryFrom<String> for Day {
        type Error = jiff::Error;
        fn try_from(text: String) -> Result<Self, jiff::Error> {
            text.parse().map(Day)
        }
    }
}

#[test]
fn every_rule_judges_every_class_as_read() {
    let rules = Rules::built_in().unwrap();
    let files = common::files("judge");
    assert_eq!(files.len(), rules.regulations.len(), "a table for every regulation");
    for file in files {
        let id = file.file_stem().unwrap().to_string_lossy().into_owned();
        let table: JudgeFile = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let regulation = rules.regulation(&id).unwrap_or_else(|| panic!("{id} is no regulation"));
        assert_eq!(table.case.len(), if regulation.judges() { Class::ALL.len() } else { 0 }, "{id}: a row for a class");
        let outcome = |class, relation, confidence, as_of: jiff::civil::Date, answer: Option<bool>| {
            let nexus = answer.map(|a| rules.nexus.iter().map(|n| (n.key.clone(), a)).collect()).unwrap_or_default();
            let context = Context { as_of: as_of.into(), nexus };
            let verdicts = judge("Kaspersky", class, relation, confidence, &rules, &context);
            verdicts.into_iter().find(|v| v.regulation == id).unwrap()
        };
        let sure = Confidence::Confirmed;
        let first = table.first_day.0;
        let classes: BTreeSet<Class> = table.case.iter().map(|c| c.class).collect();
        assert_eq!(classes.len(), table.case.len(), "{id}: a class stands twice");
        for case in table.case {
            let seen = |answer| outcome(case.class, Relation::Unlabelled, sure, first, answer).outcome;
            let what = format!("{id} {}", case.class.name());
            assert_eq!(seen(None), case.open, "{what} open");
            assert_eq!(seen(Some(true)), case.yes, "{what} yes");
            assert_eq!(seen(Some(false)), case.no, "{what} no");
            let before = outcome(case.class, Relation::Unlabelled, sure, table.day_before.0, Some(true)).outcome;
            assert!(before <= Outcome::Exempt, "{what} the day before: {before:?}");
            // Where the day itself was not read, nothing is barred for sure within the time it can have begun.
            let mut within = table.day_before.0.tomorrow().unwrap();
            while within < first {
                let outcome = outcome(case.class, Relation::Unlabelled, sure, within, Some(true)).outcome;
                assert!(outcome <= Outcome::Unclear, "{what} {within}: {outcome:?}");
                within = within.tomorrow().unwrap();
            }
            // A find that is only possible never leads to more than a look by a person.
            let unsure = outcome(case.class, Relation::Unlabelled, Confidence::Possible, first, Some(true));
            assert!(unsure.outcome <= Outcome::Unclear, "{what} possible: {:?}", unsure.outcome);
            // What is not in force, or only recommends, never prohibits outright.
            let never = [Status::Unverified, Status::Proposed, Status::Advisory].contains(&regulation.status);
            assert!(!never || seen(Some(true)) < Outcome::Prohibited, "{what}");
            // Every verdict says where it stands and why; one that waits says for what.
            let open = outcome(case.class, Relation::Unlabelled, sure, first, None);
            assert!(!open.citation.is_empty() && open.because.len() > 10 && open.url.starts_with("http"), "{what}");
            assert_eq!(
                open.outcome == Outcome::ProhibitedIf,
                open.missing.iter().any(|m| m.short.is_some()) && open.outcome > Outcome::Likely,
                "{what}"
            );
        }
    }
}

/// What a rule makes of a confirmed, white-labelled engine with all facts given.
fn engine(regulation: &str, as_of: &str) -> underlabel::verdict::Verdict {
    let (_, rules) = common::known();
    let nexus = rules.nexus.iter().map(|n| (n.key.clone(), true)).collect();
    let context = Context { as_of: as_of.parse().unwrap(), nexus };
    let verdicts =
        judge("Kaspersky", Class::EngineSdk, Relation::WhiteLabelled, Confidence::Confirmed, rules, &context);
    verdicts.into_iter().find(|v| v.regulation == regulation).unwrap()
}

#[test]
fn bis_applies_from_midnight_eastern_time() {
    let bis = |as_of| engine("bis-icts-2021-002", as_of);
    // Sold in August 2024: the third prohibition had not begun.
    let august = bis("2024-08-15");
    assert_eq!(august.outcome, Outcome::NotCovered);
    assert!(august.because.contains("2024-09-29"), "{}", august.because);
    for before in ["2024-09-28", "2024-09-29T03:59:59Z", "2024-09-28T23:59:59-04:00", "2024-09-29T12:00:00+09:00"] {
        assert_eq!(bis(before).outcome, Outcome::NotCovered, "{before}");
    }
    for after in ["2024-09-29", "2024-09-29T04:00:00Z", "2024-09-28T21:00:00-07:00", "2026-01-01T00:00:00+00:00"] {
        assert_eq!(bis(after).outcome, Outcome::Prohibited, "{after}");
    }
    // Whom it binds differs: three of its prohibitions are Kaspersky's own and lead to no verdict on a product.
    let rules = Rules::built_in().unwrap();
    let regulation = rules.regulation("bis-icts-2021-002").unwrap();
    for own in ["p1", "p2", "p2-ksn"] {
        assert!(regulation.requirement(own).unwrap().addressee.as_deref().unwrap().starts_with("Kaspersky itself"));
        assert!(regulation.cases.iter().all(|c| c.requirement != own));
    }
}

#[test]
fn an_instant_keeps_its_offset_and_a_time_without_one_is_none() {
    let shown = |text: &str| text.parse::<underlabel::AsOf>().map(|as_of| as_of.to_string());
    assert_eq!(shown("2024-09-29").unwrap(), "2024-09-29");
    assert_eq!(shown("2024-09-29T00:00:00-04:00").unwrap(), "2024-09-29T00:00:00-04:00");
    assert!(shown("2024-09-29T04:00:00Z").unwrap().starts_with("2024-09-29T04:00:00"));
    for broken in ["", "2024-09", "2024-09-29T00:00:00", "2024-09-29T00:00:00[America/New_York]", "29 Sep 2024"] {
        assert!(shown(broken).unwrap_err().contains("YYYY-MM-DD"), "{broken}");
    }
    // A rule without a zone takes the day as it was written.
    assert_eq!(engine("far-52-204-23", "2018-10-01T00:00:00+10:00").outcome, Outcome::Prohibited);
    assert_eq!(engine("far-52-204-23", "2018-09-30T23:00:00-10:00").outcome, Outcome::NotCovered);
}

#[test]
fn the_entity_list_and_the_designations_give_no_verdict() {
    let mut rules = Rules::built_in().unwrap();
    let judged = |rules: &Rules| {
        let nexus = rules.nexus.iter().map(|n| (n.key.clone(), true)).collect();
        let context = Context { as_of: jiff::civil::date(2026, 1, 1).into(), nexus };
        judge("Kaspersky", Class::BrandedProduct, Relation::Branded, Confidence::Confirmed, rules, &context)
    };
    for id in ["entity-list", "ofac"] {
        assert!(!rules.regulation(id).unwrap().judges());
        assert!(judged(&rules).iter().all(|v| v.regulation != id), "{id}");
        let error = rules.choose(&[id.to_owned()]).unwrap_err().to_string();
        assert!(error.contains("never a product bar"), "{error}");
    }
    rules.choose(&["all".to_owned()]).unwrap();
    assert_eq!(judged(&rules).len(), rules.regulations.len());
    rules.choose(&[]).unwrap();
    let ids: Vec<&str> = rules.regulations.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["bis-icts-2021-002", "far-52-204-23", "fcc-2024", "fcc-2022"], "judged by default");
}

#[test]
fn report_clocks_are_told_by_the_clause() {
    let clocks = engine("far-52-204-23", "2026-01-01").clocks;
    assert_eq!(
        clocks,
        [
            "clause JUL 2018: first report within 1 business day; follow-up within 10 business days",
            "clause DEC 2023 (solicitations from 2023-12-04): first report within 3 business days; follow-up within 10 \
             business days (secondary source)",
        ],
        "what is proposed runs for nobody"
    );
    let rules = Rules::built_in().unwrap();
    let far = rules.regulation("far-52-204-23").unwrap();
    let proposed: Vec<String> = far.clocks.iter().map(ToString::to_string).filter(|c| c.contains("72")).collect();
    assert!(proposed.len() == 1 && proposed[0].starts_with("proposed, not final: "), "{proposed:?}");
    let bod = rules.regulation("bod-17-01").unwrap().clock_lines().join("\n");
    for days in ["30 calendar days", "60 calendar days", "90 calendar days"] {
        assert!(bod.contains(days), "{bod}");
    }
}

#[test]
fn no_rule_calls_the_use_of_a_product_a_violation() {
    for regulation in &Rules::built_in().unwrap().regulations {
        let path = format!("{}/src/regulation/{}", env!("CARGO_MANIFEST_DIR"), regulation.file);
        let text = std::fs::read_to_string(path).unwrap().to_lowercase();
        assert!(
            !text.contains("violat") && !text.contains("illegal") && !text.contains("unlawful"),
            "{}",
            regulation.id
        );
    }
}

#[test]
fn a_rule_of_ones_own_ends_when_it_says_and_a_proposed_one_prohibits_nothing() {
    let head = |status: &str| {
        format!(
            "id = \"own\"\nname = \"Own\"\njurisdiction = \"Here\"\ncitation = \"C\"\nurl = \"https://a.example/\"\n\
             addressee = \"us\"\nscope = \"All.\"\nstatus = \"{status}\"\n[[requirement]]\nid = \"r\"\ntitle = \"T\"\n\
             text = \"T\"\ncitation = \"C\"\nurl = \"https://a.example/\"\nmark = \"primary\"\napplies-from = \"2020\"\n\
             applies-until = \"2024-06-30\"\nutc-offset = \"+02:00\"\ndate-mark = \"primary\"\n\
             [[nexus]]\nkey = \"own-fact\"\nshort = \"we buy it\"\nquestion = \"Do we buy it?\"\n"
        )
    };
    let case = |class: &Class| {
        let name = class.name();
        format!(
            "[[case]]\nclass = \"{name}\"\noutcome = \"prohibited\"\nrequirement = \"r\"\nnexus = [\"own-fact\"]\n\
             mark = \"primary\"\nbecause = \"we say so\"\n"
        )
    };
    let judged = |status: &str, as_of: &str| {
        let mut rules = Rules::built_in().unwrap();
        rules.add("own.toml", &(head(status) + &Class::ALL.iter().map(case).collect::<String>())).unwrap();
        let nexus = [("own-fact".to_owned(), true)].into();
        let context = Context { as_of: as_of.parse().unwrap(), nexus };
        let verdicts =
            judge("Kaspersky", Class::EngineSdk, Relation::Unlabelled, Confidence::Confirmed, &rules, &context);
        verdicts.into_iter().find(|v| v.regulation == "own").unwrap()
    };
    assert_eq!(judged("in-force", "2019-12-31").outcome, Outcome::NotCovered);
    let within = judged("in-force", "2020-05-01");
    assert_eq!((within.outcome, within.applies_from.as_str()), (Outcome::Unclear, "2020"));
    assert!(within.because.contains("which one was not read"), "{}", within.because);
    assert_eq!(judged("in-force", "2021-01-01").outcome, Outcome::Prohibited);
    assert_eq!(judged("in-force", "2024-06-30").outcome, Outcome::Prohibited);
    assert_eq!(judged("in-force", "2024-06-30T21:59:59Z").outcome, Outcome::Prohibited);
    for after in ["2024-06-30T22:00:00Z", "2024-07-01"] {
        let ended = judged("in-force", after);
        assert_eq!(ended.outcome, Outcome::NotCovered, "{after}");
        assert!(ended.because.starts_with("it applied until 2024-06-30"), "{}", ended.because);
    }
    assert_eq!(judged("proposed", "2021-01-01").outcome, Outcome::ProhibitedIf);
    assert_eq!(judged("advisory", "2021-01-01").outcome, Outcome::Advisory);
}

#[test]
fn bod_17_01_never_reaches_embedded_code() {
    let rules = Rules::built_in().unwrap();
    let nexus: BTreeMap<String, bool> = rules.nexus.iter().map(|n| (n.key.clone(), true)).collect();
    let context = Context { as_of: jiff::civil::date(2026, 1, 1).into(), nexus };
    let bod = |class, relation| {
        let verdicts = judge("Kaspersky", class, relation, Confidence::Confirmed, &rules, &context);
        verdicts.into_iter().find(|v| v.regulation == "bod-17-01").unwrap().outcome
    };
    assert_eq!(bod(Class::EngineSdk, Relation::WhiteLabelled), Outcome::Exempt);
    assert_eq!(bod(Class::EngineSdk, Relation::Declared), Outcome::Exempt);
    assert_eq!(bod(Class::EngineSdk, Relation::Branded), Outcome::Likely, "a branded engine is a branded product");
    assert_eq!(bod(Class::Unspecified, Relation::WhiteLabelled), Outcome::Exempt);
    for relation in [Relation::WhiteLabelled, Relation::Declared] {
        assert_eq!(
            bod(Class::BrandedProduct, relation),
            Outcome::Unclear,
            "part of another's product: embedded or beside it"
        );
    }
    assert_eq!(bod(Class::BrandedProduct, Relation::Branded), Outcome::ProhibitedIf, "its force was not verified");
}

#[test]
fn labels_name_the_brand_on_the_box() {
    let path = common::fixture("end-to-end/appliance-update/acme-mailguard-5.2-update.zip");
    let report = common::scan(&[Source::Path(path)]);
    let label = report.subjects[0].label.as_ref().unwrap();
    assert_eq!(label.vendor.as_deref(), Some("Acme Networks, Inc."));
    assert!(label.at.ends_with("windows/MailGuardSetup.exe#VERSIONINFO[0x0409]/040904b0"), "{}", label.at);
    assert!(report.findings.iter().all(|f| f.relation == Relation::WhiteLabelled));
    let ids: Vec<&str> = report.findings.iter().map(|f| f.product.id.as_str()).collect();
    assert_eq!(ids, ["kav-sdk-8", "kms-sdk"]);
}

/// A zip of files by name.
fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, data) in files {
        out.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut out, data).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn bytes_of(path: &str) -> Vec<u8> {
    std::fs::read(common::fixture(path)).unwrap()
}

#[test]
fn a_bystander_labels_nothing() {
    let filter = bytes_of("extract/binary-pe/two-languages/input.dll");
    let other = bytes_of("extract/binary-pe/near-miss/input.dll");
    let package = br#"{"name":"left-pad","version":"1.0.0","author":"azer"}"#.to_vec();
    // Another vendor's library and a package beside the filter: the filter's own foreign label counts.
    let data =
        zip(&[("a/viewer.dll", other), ("b/mgfilter.dll", filter), ("node_modules/left-pad/package.json", package)]);
    let report = common::scan(&[common::bytes("product.zip", data)]);
    let label = report.findings[0].label.as_ref().unwrap();
    assert_eq!(label.vendor.as_deref(), Some("Acme Networks, Inc."), "{label:?}");
    // Two applications: the one that holds the SDK is named.
    let data = zip(&[
        ("a.apk", bytes_of("extract/android-apk/near-miss/input.apk")),
        ("z.apk", bytes_of("extract/android-apk/kavsdk/input.apk")),
    ]);
    let report = common::scan(&[common::bytes("apps.zip", data)]);
    let label = report.findings[0].label.as_ref().unwrap();
    assert!(label.product.as_deref().unwrap().contains("com.acme.mobileguard"), "{label:?}");
    // No label at all is said as such.
    let data = zip(&[("lib/libkave8.so", bytes_of("extract/binary-elf/libkave8/input.so"))]);
    let report = common::scan(&[common::bytes("x.zip", data)]);
    assert_eq!(report.findings[0].relation, Relation::Unlabelled);
}

#[test]
fn a_string_is_not_the_thing() {
    let found = |name: &str, data: Vec<u8>| {
        let report = common::scan(&[common::bytes(name, data)]);
        report.findings.iter().map(|f| f.confidence).max()
    };
    let mut elf = bytes_of("extract/binary-elf/near-miss/input.elf");
    assert_eq!(found("x.elf", elf.clone()), None);
    // A detector holds the same strings: it needs a look, no more.
    elf.extend_from_slice(
        b"\0KL_PLUGINS_PATH\0appinfo.kli missing or signature invalid\0https://activation-v2.kaspersky.com\0",
    );
    assert_eq!(found("detector.elf", elf), Some(Confidence::Possible));
    let text = "unset KL_PLUGINS_PATH before removal";
    assert_eq!(found("notes.txt", text.into()), None);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(found("notes-utf16.txt", utf16), None);
    assert_eq!(found("one-nul.log", format!("{text}\0").into()), None);
    // A host list beside a folder of notes is not a product; compiled in, it is no more than a list.
    let mut hosts = bytes_of("extract/binary-elf/near-miss/input.elf");
    hosts.extend_from_slice(b"\0dc1.ksn.kaspersky-labs.com\0");
    let data = zip(&[("blocker", hosts), ("playbooks/opt/kaspersky/README.md", b"remove it".to_vec())]);
    assert_eq!(found("blocker.zip", data), None);
}

#[test]
fn no_document_passes_unseen() {
    let seen = |text: &str| {
        let report = common::scan(&[common::bytes("x.json", text)]);
        (
            report.examined.components,
            report.gaps.iter().map(|g| g.reason.name().to_owned()).collect::<Vec<_>>().join(" "),
        )
    };
    let bom = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"a"}]}"#;
    let read = |components: u64| (components, String::new());
    assert_eq!(seen(bom), read(1));
    // Documents one behind the other, in a list, in a member, in a string, and each of these in another.
    assert_eq!(seen(&format!("{bom}\n{bom}\n{bom}")), read(3));
    assert_eq!(seen(&format!("[{bom},{bom}]")), read(2));
    assert_eq!(seen(&format!(r#"{{"sbom":{bom}}}"#)), read(1));
    assert_eq!(seen(&format!("{{\"Data\":{}}}", serde_json::Value::from(bom))), read(1));
    assert_eq!(seen(&format!(r#"{{"a":{{"b":[1,{{"c":{bom}}}]}}}}"#)), read(1));
    assert_eq!(seen(&format!("{{\"event\":1}}\n{bom}\n{{\"event\":2}}")), read(1));
    // One broken among many hides no other.
    assert_eq!(seen(&format!("{bom}\n{}\n{bom}", &bom[..60])), (2, "truncated".to_owned()));
    assert_eq!(
        seen(r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":{"a":{"supplier":"AO Kaspersky Lab"}}}"#).1,
        "empty malformed"
    );
    assert_eq!(seen(r#"{"data":{"spdxVersion":"SPDX-2.3","packages":[]}}"#).1, "empty");
    // A word is no document.
    assert_eq!(seen(r#"{"enum":["bomFormat","CycloneDX"],"bomFormat":{"const":"CycloneDX"}}"#), read(0));
}

#[test]
fn the_sieve_hides_nothing_however_many_come_before() {
    let supplier = |name: &str| format!(r#"{{"name":"engine","supplier":{{"name":"{name}"}}}}"#);
    let filler = r#"{"name":"filler","supplier":{"name":"Acme, Inc."}},"#.repeat(500);
    for name in ["Kasper.sky Lab", "A.O. Kaspersky Lab", "K.A.S.P.E.R.S.K.Y. LAB, INC.", "Kaspersky™ Lab"] {
        let found = |before: &str| {
            let text =
                format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{before}{}]}}"#, supplier(name));
            common::scan(&[common::bytes("bom.json", text)]).findings.len()
        };
        assert_eq!((found(""), found(&filler)), (1, 1), "{name}");
    }
}
