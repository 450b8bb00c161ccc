//! The pages of the documentation that are the data itself: one a regulation, one a product, and what the public record says.
//!
//! In: a [`Catalog`] and [`Rules`]. Out: Markdown by file name, for `docs/`. A test holds what is committed against this.
//! Must not know: any file system.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalog::{self, Catalog, Class, Indicator, Product};
use crate::regulation::{Case, Regulation, Rules};

/// Every generated page, by its name below `docs/`.
#[must_use]
pub fn pages(catalog: &Catalog, rules: &Rules) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    pages.insert("rules/README.md".to_owned(), rules_index(rules));
    for regulation in &rules.regulations {
        pages.insert(format!("rules/{}.md", regulation.id), rule(regulation, rules));
    }
    pages.insert("catalogue/README.md".to_owned(), catalog_index(catalog));
    for product in catalog.products() {
        pages.insert(format!("catalogue/{}.md", product.id), this_product(product, catalog, rules));
    }
    pages.insert("catalogue/on-record.md".to_owned(), on_record(catalog));
    pages
}

const GENERATED: &str = "<!-- Written from the data by a test; change the data. -->\n\n";

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Text in a code span, whatever it holds.
fn code(text: &str) -> String {
    let ticks = if text.contains('`') { "``" } else { "`" };
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// `(a) engine or SDK`.
fn case_title(class: Class) -> String {
    match class.letter() {
        Some(letter) => format!("({letter}) {}", class.title()),
        None => class.title().to_owned(),
    }
}

fn rules_index(rules: &Rules) -> String {
    let mut text = format!("# Rules\n\n{GENERATED}");
    text += "Every text that finds are judged by. Those of the default pack are judged when no rules are named; others by \
             `--rules ID` or `--rules all`. Context is listed because it is often mistaken for a bar: it gives no verdict on \
             any product. All of this is a reading of public texts, not legal advice.\n\n";
    text += "| id | name | jurisdiction | standing | default |\n|---|---|---|---|---|\n";
    for r in &rules.regulations {
        let default = if r.default { "yes" } else { "" };
        let _ = writeln!(
            text,
            "| [{0}]({0}.md) | {1} | {2} | {3} | {default} |",
            r.id,
            cell(&r.name),
            cell(&r.jurisdiction),
            r.standing()
        );
    }
    text += "\n## Facts that no file can hold\n\nGiven with `--nexus KEY=yes|no` or in the configuration; an open one gives \
             \"prohibited if …\" and its question.\n\n| key | question |\n|---|---|\n";
    for nexus in &rules.nexus {
        let _ = writeln!(text, "| `{}` | {} |", nexus.key, cell(&nexus.question));
    }
    text
}

fn rule(r: &Regulation, rules: &Rules) -> String {
    let mut text = format!("# {}\n\n{GENERATED}", r.name);
    let _ = writeln!(text, "| | |\n|---|---|");
    for (what, value) in [
        ("id", format!("`{}`", r.id)),
        ("jurisdiction", r.jurisdiction.clone()),
        ("citation", r.citation.clone()),
        ("read it", format!("<{}>", r.url)),
        ("binds", r.addressee.clone()),
        ("standing", r.standing().to_owned()),
    ] {
        let _ = writeln!(text, "| {what} | {} |", cell(&value));
    }
    let _ = writeln!(text, "\n{}\n", r.scope);
    if !r.requirements.is_empty() {
        text += "## What it demands\n";
    }
    for q in &r.requirements {
        let _ = writeln!(text, "\n### `{}/{}`: {}\n", r.id, q.id, q.title);
        let _ = writeln!(text, "{} ({}, <{}>; {} source)\n", q.text, q.citation, q.url, q.mark.name());
        let detail = q.applies_detail.as_deref().map_or_else(String::new, |d| format!(", {d}"));
        let until = q.applies_until.map_or_else(String::new, |day| format!(", until {day}"));
        let _ = writeln!(text, "Applies from {}{detail}{until} (date: {} source).", q.applies_from, q.date_mark.name());
        if let Some(whom) = &q.addressee {
            let _ = writeln!(text, "Binds {whom}.");
        }
    }
    if r.judges() {
        text += "\n## What it makes of each case\n\nBefore any fact is known. The first row that fits is taken.\n\n";
        text += "| case | reading | if | why | source |\n|---|---|---|---|---|\n";
        for case in &r.cases {
            text += &case_row(case);
        }
        let keys: Vec<&String> = r.cases.iter().flat_map(|c| &c.nexus).collect();
        let asked: Vec<_> = rules.nexus.iter().filter(|n| keys.contains(&&n.key)).collect();
        if !asked.is_empty() {
            text += "\nThe facts it waits for:\n\n";
            for nexus in asked {
                let _ = writeln!(text, "- `{}`: {}", nexus.key, nexus.question);
            }
        }
    } else {
        text += "\nContext: it gives no verdict on any product.\n";
    }
    list(
        &mut text,
        "What it leaves out",
        r.exemptions.iter().map(|e| format!("{} ({} source)", e.what, e.mark.name())),
    );
    list(&mut text, "Reports", r.clocks.iter().map(|c| format!("{c} ({})", c.source)));
    list(&mut text, "Notes", r.notes.iter().cloned());
    list(
        &mut text,
        "Sources",
        r.sources.iter().map(|s| {
            let opening = if s.opening { ", its opening only" } else { "" };
            format!("<{}>: {} ({} source{opening})", s.url, s.about, s.mark.name())
        }),
    );
    text
}

fn case_row(case: &Case) -> String {
    let mut name = case.class.map_or_else(|| "every class".to_owned(), case_title);
    if !case.relation.is_empty() {
        let relations: Vec<&str> = case.relation.iter().map(|r| r.name()).collect();
        name += &format!(", {}", relations.join(" or "));
    }
    let keys: Vec<String> = case.nexus.iter().map(|key| format!("`{key}`")).collect();
    format!(
        "| {name} | {} | {} | {} | {} |\n",
        case.outcome.title(),
        keys.join(", "),
        cell(&case.because),
        case.mark.name()
    )
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n## {title}\n");
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
}

fn catalog_index(catalog: &Catalog) -> String {
    let mut text = format!("# Catalogue\n\n{GENERATED}");
    let _ = writeln!(
        text,
        "What is looked for: {} products by {} indicators, version {}. [Left out](left-out.md) says what is known and not \
         looked for, with the reason; [on record](on-record.md) which products of other makers could carry it; \
         [missed](../missed.md) what cannot be found this way.\n",
        catalog.products().len(),
        catalog.indicators().iter().filter(|i| !i.look_alike).count(),
        catalog::VERSION
    );
    text += "| product | case | indicators |\n|---|---|---|\n";
    for p in catalog.products() {
        let _ = writeln!(
            text,
            "| [{}]({}.md) | {} | {} |",
            cell(&p.name),
            p.id,
            case_title(p.class),
            catalog.indicators().iter().filter(|i| i.product == p.id).count()
        );
    }
    text += "\n## Look-alikes\n\nThey find nothing, and cancel the indicators that name them.\n\n| id | what it is |\n|---|---|\n";
    for i in catalog.indicators().iter().filter(|i| i.look_alike) {
        let _ = writeln!(text, "| `{}` | {} |", i.id, cell(i.note.as_deref().unwrap_or_default()));
    }
    text
}

fn this_product(p: &Product, catalog: &Catalog, rules: &Rules) -> String {
    let mut text = format!("# {}\n\n{GENERATED}", p.name);
    let _ = writeln!(text, "`{}`, {}; case {}.", p.id, p.class.whose(&p.maker), case_title(p.class));
    if let Some(note) = &p.note {
        let _ = writeln!(text, "\n{note}");
    }
    text += "\n## Known by\n";
    for i in catalog.indicators().iter().filter(|i| i.product == p.id) {
        text += &indicator(i);
    }
    text +=
        "\n## What the default rules make of it\n\nBefore any fact of the deal is known, for a find that is sure.\n\n";
    text += "| rule | reading | if | why |\n|---|---|---|---|\n";
    for r in rules.regulations.iter().filter(|r| r.default && r.makers.contains(&p.maker)) {
        for case in r.cases.iter().filter(|c| c.class.is_none_or(|class| class == p.class)) {
            let relations: Vec<&str> = case.relation.iter().map(|r| r.name()).collect();
            let only = if relations.is_empty() { String::new() } else { format!(" ({})", relations.join(" or ")) };
            let keys: Vec<String> = case.nexus.iter().map(|key| format!("`{key}`")).collect();
            let _ = writeln!(
                text,
                "| [{0}/{1}](../rules/{0}.md){only} | {2} | {3} | {4} |",
                r.id,
                case.requirement,
                case.outcome.title(),
                keys.join(", "),
                cell(&case.because)
            );
        }
    }
    text
}

fn indicator(i: &Indicator) -> String {
    let mut text = format!("\n### `{}`\n\n", i.id);
    let facts: Vec<&str> = i.facts.iter().map(|f| f.name()).collect();
    let _ = writeln!(text, "- {} in {}", i.strength.name(), facts.join(", "));
    let _ = writeln!(text, "- {}", code(&i.pattern.describe()));
    if i.at_least > 1 {
        let _ = writeln!(text, "- at least {} different values in one document or archive", i.at_least);
    }
    for (what, ids) in [("only beside", &i.requires), ("cancelled by", &i.unless)] {
        if !ids.is_empty() {
            let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            let _ = writeln!(text, "- {what} {}", ids.join(", "));
        }
    }
    if let Some(note) = &i.note {
        let _ = writeln!(text, "- {note}");
    }
    let _ = writeln!(text, "- source: {} (read {})", i.source, i.checked);
    if let Some(measured) = catalog::measured(&i.id) {
        let _ = writeln!(text, "- {}", measured.line(&i.facts));
    }
    text
}

fn on_record(catalog: &Catalog) -> String {
    let mut text = format!("# On record\n\n{GENERATED}");
    text += "Products of other makers that, by public sources, carried a Kaspersky engine, SDK or database, or could. A record \
             gives a finding its context and never makes one: whether a copy carries it is shown by its files alone. Most name \
             an option or an add-on that a copy may lack, and \"unknown\" means that no end was found, not that it still \
             does.\n";
    for c in catalog.carriers() {
        let _ = writeln!(text, "\n## {}\n", c.name);
        let optional = if c.optional { "; an option that most copies may lack" } else { "" };
        let _ = writeln!(text, "- by {}; carried: {}{optional}", c.vendor, c.component);
        let _ = writeln!(text, "- {}", c.period);
        let detail = if c.status_detail.is_empty() { String::new() } else { format!(": {}", c.status_detail) };
        let _ = writeln!(text, "- {}{detail}", c.status.name());
        if let Some(note) = &c.note {
            let _ = writeln!(text, "- {note}");
        }
        let _ = writeln!(text, "- by {} (read {}):", c.basis.title(), c.checked);
        for source in &c.sources {
            let _ = writeln!(text, "  - {source}");
        }
    }
    text
}
