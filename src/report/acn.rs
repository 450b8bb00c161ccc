//! What Italy's circular lets a public buyer ask of a supplier: the detailed list of software components, or the declaration
//! that none is of the categories it lists. In Italian, as Markdown, to be checked and signed by the supplier.
//!
//! In: a report with its list of components. Out: text. A declaration is only drafted where nothing was found and nothing
//! stayed unseen; this tool looks for one of the makers that the circular names, and says so.

use std::io::{self, Write};

use super::escape::{markdown as safe, short};
use super::{Finding, Report};
use crate::finding::Relation;
use crate::verdict::Outcome;

const CIRCULAR: &str = "circolare dell'Agenzia per la cybersicurezza nazionale del 14 novembre 2025 (GU 272 del 22 novembre 2025, 25A06260)";

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Elenco dei componenti software\n")?;
    writeln!(out, "Rif.: {CIRCULAR}.\n")?;
    writeln!(
        out,
        "Redatto con {} {} (catalogo {}), con riferimento alla data {}. Non è un parere legale.\n",
        safe(&report.tool.name),
        safe(&report.tool.version),
        safe(&report.catalog.version),
        safe(&report.context.as_of)
    )?;
    subjects(report, out)?;
    let found: Vec<&Finding> =
        report.findings.iter().filter(|f| !matches!(f.relation, Relation::Mention | Relation::Interoperates)).collect();
    outcome(report, &found, out)?;
    components(report, out)?;
    gaps(report, out)
}

fn subjects(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Prodotto esaminato\n\n| file | venduto come | SHA-256 |\n|---|---|---|")?;
    for subject in &report.subjects {
        let label = subject.label.as_ref().map_or_else(|| "—".to_owned(), super::Label::line);
        let digest = subject.sha256.as_deref().unwrap_or("—");
        writeln!(out, "| {} | {} | {} |", safe(&subject.path), safe(&label), safe(digest))?;
    }
    writeln!(out)
}

fn outcome(report: &Report, found: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Esito\n")?;
    for finding in found {
        let verdict = finding.verdicts.iter().find(|v| v.regulation == "it-acn-2025");
        let reading = verdict.map_or("", |v| match v.outcome {
            Outcome::NotCovered | Outcome::Exempt => "; secondo la lettura della circolare, non compreso",
            Outcome::Advisory | Outcome::Unclear => "; secondo la lettura della circolare, da chiarire",
            Outcome::Likely => "; secondo la lettura della circolare, probabilmente compreso",
            Outcome::ProhibitedIf | Outcome::Prohibited => {
                "; secondo la lettura della circolare, compreso se ne ricorrono i presupposti"
            }
        });
        let place = finding.places.first().map_or("—", |place| place.path.as_str());
        writeln!(
            out,
            "- **{}** ({}, {}){reading}: {}",
            safe(&finding.product.name),
            finding.relation.name(),
            finding.confidence.name(),
            safe(&short(place, 200))
        )?;
    }
    if !found.is_empty() {
        writeln!(
            out,
            "\nSono stati trovati componenti da valutare: una dichiarazione di assenza non viene predisposta.\n"
        )?;
        return Ok(());
    }
    let examined = &report.examined;
    if examined.mentions + examined.signs_dropped + examined.components_dropped > 0 {
        writeln!(
            out,
            "Non sono stati trovati componenti Kaspersky con elementi sufficienti, ma vi sono indizi da chiarire (opzione \
             --mentions): una dichiarazione di assenza non viene predisposta.\n"
        )?;
        return Ok(());
    }
    let unseen = !report.gaps.is_empty() || report.subjects.iter().any(|s| s.recognised == 0);
    if unseen {
        writeln!(
            out,
            "In ciò che è stato possibile esaminare non sono stati trovati componenti Kaspersky. Parti del prodotto non sono \
             state esaminate (vedi sotto): una dichiarazione di assenza non viene predisposta.\n"
        )?;
        return Ok(());
    }
    writeln!(
        out,
        "Non sono stati trovati componenti Kaspersky. Componenti rinominati, cifrati o collegati staticamente possono sfuggire. \
         Gli altri produttori nominati dalla circolare non sono stati cercati.\n"
    )?;
    writeln!(out, "### Bozza di autodichiarazione\n")?;
    writeln!(
        out,
        "Il/La sottoscritto/a ______________________, in qualità di ______________________ di ______________________, dichiara \
         che, per quanto riguarda Kaspersky, il prodotto sopra indicato non contiene componenti software delle categorie \
         elencate dalla {CIRCULAR}.\n\n\
         Luogo e data ______________________  Firma ______________________\n"
    )?;
    Ok(())
}

fn components(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Elenco dettagliato dei componenti\n")?;
    if report.components.is_empty() {
        writeln!(
            out,
            "Nessun documento esaminato elenca componenti: occorre un SBOM (CycloneDX, SPDX o altro) del fornitore.\n"
        )?;
        return Ok(());
    }
    writeln!(out, "| componente | versione | fornitore | identificativo | licenza |\n|---|---|---|---|---|")?;
    for one in &report.components {
        let cell = |text: &Option<String>| text.as_deref().map_or_else(|| "—".into(), |t| safe(t).into_owned());
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            safe(&one.name),
            cell(&one.version),
            cell(&one.supplier),
            cell(&one.purl),
            cell(&one.license)
        )?;
    }
    if report.examined.components_dropped > 0 {
        writeln!(out, "\nAltri {} componenti non sono elencati.", report.examined.components_dropped)?;
    }
    writeln!(out)
}

fn gaps(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Che cosa non è stato possibile esaminare\n")?;
    let unknown: Vec<_> = report.subjects.iter().filter(|s| s.recognised == 0).collect();
    for subject in &unknown {
        writeln!(out, "- {}: nessun formato riconosciuto", safe(&subject.path))?;
    }
    if report.gaps.is_empty() && unknown.is_empty() {
        return writeln!(out, "Nulla.");
    }
    for gap in &report.gaps {
        writeln!(out, "- {}: {} ({})", safe(&gap.at), safe(&short(&gap.detail, 200)), gap.reason.name())?;
    }
    Ok(())
}
