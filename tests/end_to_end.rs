//! Through the command line, as a user would.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underlabel"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(args: &[&str]) -> Output {
    command().args(args).stdin(Stdio::null()).output().unwrap()
}

fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut child =
        command().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)))
}

const UPDATE: &str = "fixtures/end-to-end/appliance-update/acme-mailguard-5.2-update.zip";
const CLEAN: &str = "fixtures/end-to-end/clean-update/acme-printer-1.0.zip";

#[test]
fn a_white_labelled_engine_is_found() {
    let output = run(&["scan", UPDATE, "--as-of", "2026-11-24"]);
    assert_eq!(output.status.code(), Some(1));
    let seen = text(&output.stdout);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let expected = common::fixture("end-to-end/appliance-update/expected.txt");
    if std::env::var_os("UNDERLABEL_BLESS").is_some() {
        std::fs::write(&expected, &seen).unwrap();
    }
    assert_eq!(seen, std::fs::read_to_string(expected).unwrap_or_default(), "UNDERLABEL_BLESS=1 writes it anew");
    assert!(!seen.contains('\u{1b}'), "colour in a pipe");
    // The README shows what is printed.
    let readme = std::fs::read_to_string("README.md").unwrap();
    let shown =
        readme.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a captured output");
    for line in shown.lines().filter(|line| *line != "…") {
        assert!(seen.lines().any(|l| l == line), "README shows a line that is not printed: {line}");
    }
}

#[test]
fn json_has_its_frame() {
    let output = run(&["scan", UPDATE, "-o", "json", "--as-of", "2026-11-24", "--nexus", "us-nexus=yes"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    for key in ["schema_version", "tool", "catalog", "context", "subjects", "findings", "gaps", "examined", "verdict"] {
        assert!(report.get(key).is_some(), "{key}");
    }
    assert_eq!(report["verdict"], "prohibited");
    assert_eq!(report["subjects"][0]["sha256"].as_str().unwrap().len(), 64);
    let finding = &report["findings"][0];
    for key in ["fingerprint", "product", "class", "relation", "confidence", "label", "places", "verdicts"] {
        assert!(finding.get(key).is_some(), "{key}");
    }
    assert_eq!((&finding["relation"], &finding["confidence"]), (&"white-labelled".into(), &"confirmed".into()));
    let needed = finding["places"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|p| p["evidence"].as_array().unwrap())
        .find(|e| e["fact"] == "needed")
        .unwrap();
    assert_eq!(needed["at"], format!("{UPDATE}!/firmware/rootfs.tar.gz!/usr/sbin/mgscand#NEEDED"));
    assert_eq!(needed["value"], "libkave8.so");
    let bis = finding["verdicts"].as_array().unwrap().iter().find(|v| v["regulation"] == "bis-icts-2021-002").unwrap();
    assert_eq!((&bis["outcome"], &bis["applies_from"]), (&"prohibited".into(), &"2024-09-29".into()));
}

#[test]
fn exit_codes_are_the_table() {
    let code = |args: &[&str]| run(args).status.code().unwrap();
    assert_eq!(code(&["scan", CLEAN]), 0);
    assert_eq!(code(&["scan", UPDATE]), 1);
    assert_eq!(code(&["scan", UPDATE, "--fail-on", "never"]), 0);
    assert_eq!(code(&["scan", UPDATE, "--fail-on", "prohibited"]), 0, "open facts: prohibited-if only");
    assert_eq!(code(&["scan", UPDATE, "--fail-on", "prohibited", "--nexus", "federal-contract=yes"]), 1);
    assert_eq!(code(&["scan", UPDATE, "--as-of", "2017-01-01"]), 0, "before any rule");
    assert_eq!(code(&["scan", "fixtures/end-to-end/bombs/encrypted.zip"]), 3);
    assert_eq!(code(&["scan", "README.md"]), 3, "nothing recognised is not clear");
    assert_eq!(code(&["scan", "no/such/file"]), 2);
    assert_eq!(code(&["scan"]), 2);
    assert_eq!(code(&["scan", UPDATE, "--fail-on", "maybe"]), 2);
    assert_eq!(code(&["scan", UPDATE, "--nexus", "moon=yes"]), 2);
    assert_eq!(code(&["scan", UPDATE, "--nexus", "us-nexus=maybe"]), 2);
    assert_eq!(code(&["scan", UPDATE, "--rules", "nothing"]), 2);
    assert_eq!(code(&["scan", UPDATE, "-o", "yaml"]), 2);
    assert_eq!(code(&["scan", UPDATE, "-o", "json", "-o", "terminal"]), 2, "two to standard output");
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["--version"]), 0);
}

#[test]
fn errors_say_what_and_what_next() {
    let error = |args: &[&str]| text(&run(args).stderr);
    assert!(error(&["scan", "no/such/file"]).contains("no/such/file"));
    assert!(error(&["scan", UPDATE, "--nexus", "moon=yes"]).contains("us-nexus"));
    assert!(error(&["scan", UPDATE, "--rules", "x"]).contains("underlabel rules list"));
    assert!(error(&["explain", "x"]).contains("underlabel catalog list"));
    let folder = std::env::temp_dir().join(format!("underlabel-catalog-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let broken = folder.join("broken.toml");
    for (content, wants) in [
        ("[[indicator]\n", "line 1"),
        ("[[indicator]]\nid = \"a/b\"\n", "missing field"),
        ("[[product]]\nid = \"p\"\nname = \"P\"\nclass = \"engine\"\n", "unknown variant"),
    ] {
        std::fs::write(&broken, content).unwrap();
        let output = run(&["scan", CLEAN, "--catalog", broken.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("broken.toml") && said.contains(wants), "{said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_catalogue_of_ones_own_is_ten_lines() {
    let path = std::env::temp_dir().join(format!("underlabel-own-{}.toml", std::process::id()));
    let catalogue = r#"
        maker = "Acme Widgets"
        product = [{ id = "acme-sdk", name = "Acme SDK", class = "engine-sdk" }]
        [[indicator]]
        id = "acme-sdk/supplier"
        product = "acme-sdk"
        fact = ["supplier"]
        match = { entity = "Acme Widgets" }
        strength = "strong"
        source = "https://acme.example/sdk"
        checked = "2026-01-01"
        [[case]]
        indicator = "acme-sdk/supplier"
        fact = "supplier"
        hit = ["ACME Widgets, Inc."]
        miss = ["Acme Widgets Fan Club"]
    "#;
    std::fs::write(&path, catalogue).unwrap();
    let own = path.to_str().unwrap();
    let sbom = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"x","supplier":{"name":"ACME Widgets"}}]}"#;
    let report = json(&piped(&["scan", "-", "-o", "json", "--catalog", own], sbom));
    assert_eq!(report["findings"][0]["product"]["id"], "acme-sdk");
    let verdicts = report["findings"][0]["verdicts"].as_array().unwrap();
    assert!(verdicts.is_empty(), "no rule about another maker's software speaks of it: {verdicts:?}");
    let ban = r#"
        id = "house-policy-12"
        name = "House policy 12"
        makers = ["Acme Widgets"]
        citation = "Policy 12"
        requirement = [{ id = "ban", title = "Nothing by Acme Widgets in what we ship", applies-from = "2026-01-05" }]
        case = [{ outcome = "prohibited", requirement = "ban", because = "the policy bars it" }]
    "#;
    let rules = path.with_extension("rules.toml");
    std::fs::write(&rules, ban).unwrap();
    let rules = rules.to_str().unwrap();
    let named =
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"x","supplier":{"name":"ACME Widgets"}},
        {"name":"Kaspersky Anti-Virus SDK 8","supplier":{"name":"AO Kaspersky Lab"}}]}"#;
    let arguments =
        ["scan", "-", "-o", "json", "--catalog", own, "--rules", "default", "--rules", rules, "--as-of", "2026-02-01"];
    let report = json(&piped(&arguments, named));
    let of = |id: &str| {
        let finding = report["findings"].as_array().unwrap().iter().find(|f| f["product"]["id"] == id).unwrap();
        let verdicts = finding["verdicts"].as_array().unwrap().iter();
        verdicts.map(|v| v["regulation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("acme-sdk"), ["house-policy-12"]);
    assert!(!of("kav-sdk-8").is_empty() && !of("kav-sdk-8").contains(&"house-policy-12".to_owned()));
    std::fs::remove_file(rules).unwrap();
    assert_eq!(run(&["catalog", "lint", own]).status.code(), Some(0));
    assert!(text(&run(&["explain", "acme-sdk/supplier", "--catalog", own]).stdout).contains("Acme SDK"));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn standard_input_is_read() {
    let sbom = std::fs::read("fixtures/extract/sbom-spdx-json/every-field/input.spdx.json").unwrap();
    let output = piped(&["scan", "-", "-o", "json"], &sbom);
    let report = json(&output);
    assert_eq!(report["subjects"][0]["path"], "<stdin>");
    assert_eq!(report["findings"][0]["places"][0]["path"], "<stdin>");
    let zip = std::fs::read(UPDATE).unwrap();
    assert_eq!(piped(&["scan", "-"], &zip).status.code(), Some(1));
    assert_eq!(piped(&["scan", "-"], b"").status.code(), Some(3), "nothing is not clear");
}

#[test]
fn several_outputs_at_once() {
    let file = std::env::temp_dir().join(format!("underlabel-out-{}.json", std::process::id()));
    let output = run(&["scan", UPDATE, "-o", "terminal", "-o", &format!("json={}", file.display())]);
    assert!(text(&output.stdout).contains("FOUND"));
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["findings"].as_array().unwrap().len(), 2);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn colours_respect_the_terminal() {
    let run = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command = command();
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        text(&command.args(["scan", UPDATE]).args(args).output().unwrap().stdout)
    };
    assert!(!run(&[], None).contains('\u{1b}'), "a pipe is no terminal");
    assert!(run(&["--color", "always"], None).contains("\u{1b}["));
    assert!(run(&[], Some(("CLICOLOR_FORCE", "1"))).contains("\u{1b}["));
    assert!(!run(&["--color", "never"], Some(("CLICOLOR_FORCE", "1"))).contains('\u{1b}'));
}

#[test]
fn what_a_scanned_file_says_cannot_act() {
    // Escape sequences, tags, workflow commands and direction overrides in every place that is shown.
    let evil = "\\u001b[31mred\\u001b[0m\\u202e<script>alert(1)</script>\\n::error::x";
    let sbom = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"name":"{evil}","supplier":{{"name":"{evil}"}},"version":"{evil}"}}}},"components":[{{"name":"{evil}/appinfo.kli","version":"{evil}","supplier":{{"name":"AO Kaspersky Lab\u001b]0;x\u0007"}}}}, {evil}"#
    );
    let output = piped(&["scan", "-", "--verbose", "--mentions"], sbom.as_bytes());
    let seen = text(&output.stdout);
    assert!(!seen.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{seen:?}");
    assert!(!seen.lines().any(|line| line.starts_with("::")), "{seen}");
    assert!(seen.contains("appinfo.kli"), "{seen}");
}

#[test]
fn lists_and_explanations() {
    let out = |args: &[&str]| {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(out(&["catalog", "list"]).contains("kav-sdk-8/appinfo-kli"));
    assert!(out(&["catalog", "show", "kav-sdk-8"]).contains("engine or SDK"));
    assert!(out(&["catalog", "lint"]).contains("sound"));
    assert!(out(&["rules", "list"]).contains("bod-17-01"));
    let bod = out(&["rules", "show", "bod-17-01"]);
    assert!(bod.contains("does not address Kaspersky code embedded"), "{bod}");
    let far = out(&["rules", "show", "far-52-204-23"]);
    assert!(far.contains("3 business days") && far.contains("1 business day"), "{far}");
    for id in [
        "kav-sdk-8/appinfo-kli",
        "kav-sdk-8",
        "look-alike/bkave",
        "fcc-2024",
        "bis-icts-2021-002/p3",
        "us-nexus",
        "prohibited-if",
        "engine-sdk",
        "white-labelled",
        "possible",
        "encrypted",
        "conclusive",
        "java-class",
    ] {
        let said = out(&["explain", id]);
        assert!(said.starts_with(id), "{said}");
    }
    let explained = out(&["explain", "kav-sdk-8/appinfo-kli"]);
    assert!(explained.contains("source") && explained.contains("support.kaspersky.com"), "{explained}");
    let schema: Value = serde_json::from_str(&out(&["schema"])).unwrap();
    assert_eq!(schema["title"], "Report");
}

#[test]
fn strict_turns_notes_into_gaps_and_changes_no_finding() {
    let sbom = br#"{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"nonsense","name":"x","purl":"not a purl","supplier":{"name":"AO Kaspersky Lab"}}]}"#;
    let plain = json(&piped(&["scan", "-", "-o", "json"], sbom));
    let strict = json(&piped(&["scan", "-", "-o", "json", "--strict"], sbom));
    assert_eq!(plain["findings"], strict["findings"]);
    let notes = plain["notes"].to_string();
    assert!(notes.contains("is no package URL"), "{notes}");
    assert_eq!(plain["gaps"].as_array().unwrap().len(), 0);
    let gaps = strict["gaps"].to_string();
    assert!(gaps.contains("not conforming CycloneDX") && gaps.contains("nonconforming"), "{gaps}");
    let spdx = |package: &str| {
        let text = format!(
            r#"{{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"x","documentNamespace":"https://x.invalid","creationInfo":{{"created":"2025-01-01T00:00:00Z","creators":["Tool: t"]}},"packages":[{{"name":"p","SPDXID":"SPDXRef-p"{package}}}]}}"#
        );
        json(&piped(&["scan", "-", "-o", "json", "--strict"], text.as_bytes()))["gaps"].to_string()
    };
    assert_eq!(spdx(r#","downloadLocation":"NOASSERTION""#), "[]");
    assert!(spdx("").contains("not conforming SPDX"), "a required field is missing");
}

#[test]
fn a_directory_is_walked_and_each_document_judged_by_its_own_label() {
    let report = json(&run(&["scan", "fixtures/extract", "-o", "json"]));
    assert_eq!(report["subjects"][0]["kind"], "directory");
    let labels: std::collections::BTreeSet<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["label"]["vendor"].as_str().unwrap_or("-").to_owned())
        .collect();
    assert!(labels.len() >= 3, "{labels:?}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = command().args(["catalog", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn limits_come_from_the_command_line_then_the_file_then_the_defaults() {
    let folder = std::env::temp_dir().join(format!("underlabel-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("underlabel.toml"), "[limits]\nmax-members = 3\n").unwrap();
    let update = common::fixture("../").join(UPDATE);
    let update = update.to_str().unwrap();
    let limited = |args: &[&str]| {
        let mut all = vec!["scan", update, "-o", "json"];
        all.extend(args);
        let output = command().current_dir(&folder).args(all).output().unwrap();
        json(&output)["gaps"].to_string().contains("more than 3 archive members")
    };
    assert!(limited(&[]));
    assert!(!limited(&["--max-members", "1000"]));
    std::fs::write(folder.join("other.toml"), "[limits]\n").unwrap();
    assert!(!limited(&["--config", "other.toml"]));
    std::fs::write(folder.join("underlabel.toml"), "[limits]\nmax-member = 3\n").unwrap();
    let output = command().current_dir(&folder).args(["scan", update]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("underlabel.toml") && said.contains("max-members"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn verbose_lists_what_was_opened() {
    let seen = text(&run(&["scan", UPDATE, "--verbose"]).stdout);
    assert!(seen.contains("Opened\n"), "{seen}");
    assert!(seen.contains("firmware/rootfs.tar.gz as gzip"), "{seen}");
    assert!(!text(&run(&["scan", UPDATE]).stdout).contains(" as gzip"));
}

#[test]
fn the_time_limit_ends_a_run() {
    let report = json(&run(&["scan", "fixtures/end-to-end/bombs/bomb.zip", "-o", "json", "--timeout", "0"]));
    let gaps = report["gaps"].to_string();
    assert!(gaps.contains("stopped") || gaps.contains("limit"), "{gaps}");
}

#[test]
fn fixtures_are_described() {
    let described = std::fs::read_to_string("fixtures/make/README.md").unwrap();
    for file in common::files("extract").into_iter().chain(common::files("end-to-end")) {
        let below: PathBuf = file.strip_prefix(common::fixture("")).unwrap().to_owned();
        let binary = std::fs::read(&file).unwrap().contains(&0);
        let case = below.parent().unwrap().to_string_lossy().replace('\\', "/");
        let name = below.file_name().unwrap().to_string_lossy().into_owned();
        // Archives by format and case; others by their case, or by a name of their own.
        let told = match case.strip_prefix("extract/archive-") {
            Some(case) => {
                described.contains(&format!("`archive-{case}`")) || described.contains(&format!("`archive-{case}/"))
            }
            // Each product of the gauntlet says what it is in its own expected.toml.
            None if case.starts_with("end-to-end/gauntlet") => described.contains("end-to-end/gauntlet"),
            None if name.starts_with("input.") => described.contains(case.rsplit('/').next().unwrap()),
            None => described.contains(&case) || described.contains(&name),
        };
        assert!(!binary || told, "{} stands nowhere in fixtures/make/README.md", below.display());
    }
}
