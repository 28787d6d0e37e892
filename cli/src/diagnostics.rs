//! Diagnostics about rules on a terminal: the place, underlined, with the reason and a fix.

mod excerpt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, Report};
use rule_language::{Diagnostic, Severity};

use self::excerpt::{Excerpt, visible};

/// One diagnostic over several lines; colours only if `is_coloured`.
pub(crate) fn render(diagnostic: &Diagnostic, is_coloured: bool) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let excerpt = Excerpt::of(diagnostic);
    let place = LabeledSpan::new_primary_with_span(None, excerpt.span());
    let mut shown = MietteDiagnostic::new(visible(&diagnostic.message))
        .with_code(diagnostic.code.as_str())
        .with_severity(severity)
        .with_labels([place]);
    if let Some(help) = &diagnostic.help {
        shown = shown.with_help(visible(help));
    }
    let report = Report::new(shown).with_source_code(excerpt);
    let theme = if is_coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .render_report(&mut text, report.as_ref())
    {
        Ok(()) => text,
        Err(_) => diagnostic.to_string(),
    }
}

/// An error without a place, and what helps; colours only if `is_coloured`.
pub(crate) fn render_error(message: &str, help: &str, is_coloured: bool) -> String {
    let shown = MietteDiagnostic::new(visible(message)).with_help(visible(help));
    let theme = if is_coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .render_report(&mut text, Report::new(shown).as_ref())
    {
        Ok(()) => text,
        Err(_) => format!("error: {message}\nhelp: {help}\n"),
    }
}

#[cfg(test)]
mod tests {
    use rule_language::Source;

    use super::*;

    fn rendered(text: &str) -> String {
        let source = Source { name: "rules.yaml".to_owned(), text: text.to_owned() };
        let error = rule_language::load(&[source], fields::catalogue()).unwrap_err();
        error.diagnostics.iter().map(|diagnostic| render(diagnostic, false)).collect()
    }

    fn rule(condition: &str) -> String {
        format!("- rule: R\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
    }

    /// Scenario: a wrong name behind 100,000 bytes of a line, more columns than the renderer can lay out. Guarantees: it is
    /// told with its place and what is around it, in a few lines.
    #[test]
    fn long_lines_are_cut_around_the_place() {
        let condition = format!("{}proc.nme=x and {}", "proc.name=a and ".repeat(6250), "a".repeat(70_000));
        let shown = rendered(&rule(&format!("evt.type=open and {condition}")));
        assert!(shown.contains("[rules.yaml:3:100032]"), "{shown}");
        assert!(shown.contains("and proc.nme=x and aaa"), "{shown}");
        let (_, below) = shown.split_once("proc.nme=x").unwrap();
        assert!(below.contains("────────\n"), "{shown}");
        assert!(shown.len() < 4000, "{} bytes", shown.len());
    }

    /// Scenario: a short place in a short file, on the first line, on the last, and behind letters of several bytes.
    /// Guarantees: the line, its neighbours and the header name the place.
    #[test]
    fn places_are_underlined() {
        let shown = rendered(&rule("proc.name=\"日本\" and fd.nme=x and evt.type=open"));
        assert!(shown.contains("[rules.yaml:3:37]"), "{shown}");
        assert!(
            shown.contains(
                " 2 │   desc: d\n 3 │   condition: proc.name=\"日本\" and fd.nme=x and evt.type=open\n   ·                                   ──────\n 4 │   output: o\n"
            ),
            "{shown}"
        );
        let shown = rendered("- a");
        assert!(shown.contains("[rules.yaml:1:3]") && shown.contains(" 1 │ - a\n   ·   ─\n"), "{shown}");
    }

    /// Scenario: an error about an item with another one behind it, and one about an item of many lines. Guarantees: the
    /// blanks before the next item are not underlined with it, and of many lines the first stands for all.
    #[test]
    fn items_are_shown_by_their_lines() {
        let two = "- rule: R\n  desc: d\n  condition: evt.type=open\n  output: o\n- macro: m\n  condition: evt.type=open\n";
        let shown = rendered(two);
        assert!(shown.contains(" 4 │ ╰─▶   output: o\n 5 │     - macro: m\n"), "{shown}");
        let tags = "    - t\n".repeat(1000);
        let shown =
            rendered(&format!("- rule: R\n  desc: d\n  tags:\n{tags}  output: o\n  priority: INFO\n"));
        assert!(shown.contains(" 1 │ - rule: R\n   ·   ───────\n"), "{shown}");
        assert!(shown.lines().count() < 12, "{shown}");
    }

    /// Scenario: a rules file and a message with an escape sequence for terminals in it. Guarantees: neither reaches the
    /// terminal.
    #[test]
    fn control_characters_are_not_passed_on() {
        let shown = rendered("- rule: \u{1b}[31mred\n");
        assert!(!shown.contains('\u{1b}') && shown.contains("[31mred"), "{shown}");
        let shown = rendered(&rule("'evt.type=open and proc.name = \"\u{9b}31m\" x'"));
        assert!(!shown.contains('\u{9b}'), "{shown}");
    }
}
