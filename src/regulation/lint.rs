//! What rules must not be.
//!
//! In: [`Rules`] that load. Out: complaints, each with the file and id it is about. Must not know: verdicts.

use jiff::civil::Date;

use super::{Case, Mark, Reading, Regulation, Rules, Status, VERSION};

impl Rules {
    /// Everything wrong with them, in order of the regulations. Empty for sound ones.
    #[must_use]
    pub fn lint(&self) -> Vec<String> {
        let mut found = Vec::new();
        for regulation in &self.regulations {
            let mut say = |what: String| found.push(format!("{}: {}: {what}", regulation.file, regulation.id));
            texts(regulation, &mut say);
            sources(regulation, &mut say);
            standing(regulation, &mut say);
            requirements(regulation, &mut say);
            cases(regulation, &mut say);
        }
        for nexus in &self.nexus {
            if !is_id(&nexus.key) {
                found.push(format!("nexus {}: a key is lower case, digits and hyphens", nexus.key));
            }
            if nexus.short.trim().is_empty() || !nexus.question.trim().ends_with('?') {
                found.push(format!("nexus {}: needs words and a question", nexus.key));
            }
            if !self.regulations.iter().flat_map(|r| &r.cases).any(|c| c.nexus.contains(&nexus.key)) {
                found.push(format!("nexus {}: nobody waits for it", nexus.key));
            }
        }
        found
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_url(url: &str) -> bool {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).is_some_and(|rest| rest.contains('.'))
        && !url.contains(char::is_whitespace)
}

fn texts(r: &Regulation, say: &mut impl FnMut(String)) {
    if !is_id(&r.id) {
        say("an id is lower case, digits and hyphens".to_owned());
    }
    let mut text = |what: &str, text: &str| {
        if text.trim().is_empty() {
            say(format!("{what} is empty"));
        }
    };
    text("name", &r.name);
    text("jurisdiction", &r.jurisdiction);
    text("citation", &r.citation);
    text("addressee", &r.addressee);
    text("scope", &r.scope);
    for note in &r.notes {
        text("a note", note);
    }
    for exemption in &r.exemptions {
        text("an exemption", &exemption.what);
    }
    for q in &r.requirements {
        for (what, value) in [("title", &q.title), ("text", &q.text), ("citation", &q.citation)] {
            text(&format!("requirement {}: {what}", q.id), value);
        }
        text(&format!("requirement {}: addressee", q.id), q.addressee.as_deref().unwrap_or("-"));
    }
    for case in &r.cases {
        text(&format!("case {}: because", case.class_name()), &case.because);
        for question in &case.asks {
            text(&format!("case {}: a question", case.class_name()), question);
        }
    }
    for clock in &r.clocks {
        for (what, value) in [("clause", &clock.clause), ("first", &clock.first), ("source", &clock.source)] {
            text(&format!("a clock: {what}"), value);
        }
    }
}

fn sources(r: &Regulation, say: &mut impl FnMut(String)) {
    if r.sources.is_empty() {
        say("no source".to_owned());
    }
    let urls = std::iter::once(&r.url).chain(r.sources.iter().map(|s| &s.url));
    for url in urls.chain(r.requirements.iter().map(|q| &q.url)).filter(|url| !is_url(url)) {
        say(format!("{url:?} is no address that can be opened"));
    }
    for source in &r.sources {
        if source.about.trim().is_empty() {
            say(format!("source {}: nothing is said to be taken from it", source.url));
        }
    }
    // What was only opened tells of existence, date and title, and no more.
    let read = r.sources.iter().any(|s| s.mark == Mark::Primary && !s.opening);
    let primary = r.requirements.iter().any(|q| q.mark == Mark::Primary);
    if primary && !read {
        say("a primary wording, and no primary source was read beyond its opening".to_owned());
    }
}

fn standing(r: &Regulation, say: &mut impl FnMut(String)) {
    if r.default && !(r.judges() && r.status == Status::InForce) {
        say("judged by default, and not a rule in force".to_owned());
    }
    let second_hand = !r.cases.is_empty() && r.cases.iter().all(|c| c.mark == Mark::Secondary);
    if r.status == Status::InForce && second_hand && r.notes.is_empty() {
        say("in force by secondary sources only, and no note says so".to_owned());
    }
    if r.judges() && r.requirements.is_empty() {
        say("a rule without a requirement".to_owned());
    }
}

fn requirements(r: &Regulation, say: &mut impl FnMut(String)) {
    let known = r.date.as_deref().unwrap_or(VERSION);
    let Ok(known) = known.parse::<Date>() else { return say(format!("{known:?} is no date")) };
    for q in &r.requirements {
        if !is_id(&q.id) {
            say(format!("requirement {}: an id is lower case, digits and hyphens", q.id));
        }
        if q.applies_until.is_some_and(|until| until < q.applies_from.last()) {
            say(format!("requirement {}: ends before it begins", q.id));
        }
        let used = r.cases.iter().any(|c| c.requirement == q.id);
        if used && r.status == Status::InForce && q.applies_from.last() > known {
            say(format!("requirement {}: in force, and begins after the date of these rules ({known})", q.id));
        }
        if !used && r.judges() && q.addressee.is_none() {
            say(format!("requirement {}: no case rests on it and it names no addressee of its own", q.id));
        }
    }
}

fn cases(r: &Regulation, say: &mut impl FnMut(String)) {
    // The first case that fits is taken.
    let hides = |earlier: &Case, case: &Case| {
        let all = || !case.relation.is_empty() && case.relation.iter().all(|x| earlier.relation.contains(x));
        earlier.class == case.class && (earlier.relation.is_empty() || all())
    };
    for (nth, case) in r.cases.iter().enumerate() {
        let name = case.class_name();
        if r.cases.iter().take(nth).any(|earlier| hides(earlier, case)) {
            say(format!("case {name}: hidden behind an earlier one"));
        }
        if case.outcome == Reading::Exempt && r.exemptions.is_empty() {
            say(format!("case {name}: exempt, and no exemption is listed"));
        }
        if r.status == Status::Advisory && matches!(case.outcome, Reading::Prohibited | Reading::Likely) {
            say(format!("case {name}: what only recommends bars nothing"));
        }
        let rests_on = r.requirement(&case.requirement);
        if case.mark == Mark::Primary && rests_on.is_some_and(|q| q.mark == Mark::Secondary) {
            say(format!("case {name}: primary, on a wording by a secondary source"));
        }
        for (at, key) in case.nexus.iter().enumerate() {
            if case.nexus.iter().take(at).any(|other| other == key) {
                say(format!("case {name}: waits twice for {key}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_are_sound() {
        assert_eq!(Rules::built_in().unwrap().lint(), Vec::<String>::new());
        assert!(VERSION.parse::<Date>().is_ok());
    }

    const CASES: &str = r#"
        [[case]]
        class = "engine-sdk"
        outcome = "prohibited"
        requirement = "r"
        nexus = ["acme", "acme"]
        mark = "primary"
        because = " "
        [[case]]
        class = "engine-sdk"
        relation = ["branded"]
        outcome = "exempt"
        requirement = "r"
        mark = "secondary"
        because = "never reached"
    "#;

    /// The head of a rules file, one case for each class, and a fact.
    fn rules(head: &str, requirement: &str) -> String {
        let rest: String = crate::catalog::Class::ALL
            .iter()
            .filter(|c| c.name() != "engine-sdk")
            .map(|c| {
                format!(
                    "[[case]]\nclass = \"{}\"\noutcome = \"unclear\"\nrequirement = \"r\"\nmark = \"secondary\"\nbecause = \"so\"\n",
                    c.name()
                )
            })
            .collect();
        format!(
            r#"
            {head}
            jurisdiction = "Here"
            addressee = ""
            scope = "All of it."
            [[requirement]]
            id = "r"
            title = "T"
            text = "T"
            citation = "C"
            url = "ask me"
            mark = "secondary"
            date-mark = "secondary"
            {requirement}
            [[requirement]]
            id = "idle"
            title = "T"
            text = "T"
            citation = "C"
            url = "https://a.example/"
            mark = "primary"
            date-mark = "secondary"
            applies-from = "2020"
            [[nexus]]
            key = "acme"
            short = "Acme asks"
            question = "Does Acme ask?"
            [[nexus]]
            key = "Nobody"
            short = "nobody asks"
            question = "Nobody asks."
            {CASES}
            {rest}
            "#
        )
    }

    #[test]
    fn complains_of_each_fault() {
        let mut rules_of = Rules::default();
        let advisory = "id = \"A b\"\nname = \"A\"\ncitation = \"C\"\nurl = \"https://a.example/\"\nstatus = \"advisory\"\ndefault = true";
        rules_of.add("t.toml", &rules(advisory, "applies-from = \"2020-01\"\napplies-until = \"2019-12-31\"")).unwrap();
        let in_force = "id = \"b\"\nname = \"B\"\ncitation = \"C\"\nurl = \"https://b.example/\"\nstatus = \"in-force\"\ndate = \"2026-01-01\"";
        let second = rules(in_force, "applies-from = \"2030-01-01\"")
            .replace("\"acme\", \"acme\"", "")
            .replace("primary", "secondary");
        let second = second.split("[[nexus]]").next().unwrap().to_owned() + &second[second.find("[[case]]").unwrap()..];
        rules_of.add("u.toml", &second).unwrap();
        let found = rules_of.lint().join("\n");
        for fault in [
            "t.toml: A b: an id is",
            "addressee is empty",
            "because is empty",
            "t.toml: A b: no source",
            "\"ask me\" is no address",
            "no primary source was read",
            "judged by default",
            "ends before it begins",
            "requirement idle: no case rests on it",
            "case engine-sdk: hidden",
            "case engine-sdk: exempt, and",
            "only recommends",
            "on a wording by a secondary source",
            "waits twice for acme",
            "u.toml: b: in force by secondary sources only",
            "begins after the date of these rules (2026-01-01)",
            "nexus Nobody: a key",
            "nexus Nobody: needs words",
            "nexus Nobody: nobody waits",
        ] {
            assert!(found.contains(fault), "{fault}: {found}");
        }
    }

    #[test]
    fn a_file_that_breaks_adds_nothing_and_says_where() {
        let mut known = Rules::built_in().unwrap();
        let (before, facts) = (known.regulations.len(), known.nexus.len());
        let good = rules(
            "id = \"x\"\nname = \"X\"\ncitation = \"C\"\nurl = \"https://a.example/\"\nstatus = \"proposed\"\nversion = \"1\"",
            "applies-from = \"2020-01-01\"\nutc-offset = \"+05:30\"",
        );
        for (from, to, why) in [
            ("key = \"acme\"", "key = \"us-nexus\"", "\"us-nexus\" stands twice"),
            ("key = \"Nobody\"", "key = \"acme\"", "\"acme\" stands twice"),
            ("key = \"acme\"", "key = \"b\"", "\"acme\" is nowhere"),
            ("id = \"idle\"", "id = \"r\"", "\"r\" stands twice"),
            ("requirement = \"r\"", "requirement = \"s\"", "\"s\" is nowhere"),
            ("class = \"training\"", "class = \"unspecified\"", "no case for the class training"),
            ("id = \"x\"", "id = \"fcc-2022\"", "\"fcc-2022\" stands twice"),
            ("id = \"x\"", "id = \"x\"\nkind = \"context\"", "never gives a verdict"),
            ("\"2020-01-01\"", "\"2020-02-30\"", "is no date"),
            ("\"+05:30\"", "\"Europe/Rome\"", "is no offset"),
            ("status = \"proposed\"", "status = \"sure\"", "unknown variant"),
        ] {
            assert!(good.contains(from), "{from}");
            let error = known.add("own.toml", &good.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with("rules own.toml: ") && error.contains(why), "{why}: {error}");
            assert_eq!((known.regulations.len(), known.nexus.len()), (before, facts), "{why}");
        }
        known.add("own.toml", &good).unwrap();
        assert_eq!((known.regulations.len(), known.nexus.len()), (before + 1, facts + 2));
    }
}
