//! Diagnostics about rules on a terminal: the place, underlined, with the reason and a fix.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use rule_language::{Diagnostic, Severity};

/// One diagnostic over several lines; colours only if `is_coloured`.
pub(crate) fn render(diagnostic: &Diagnostic, is_coloured: bool) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let place = LabeledSpan::new_primary_with_span(None, diagnostic.span.clone());
    let mut shown = MietteDiagnostic::new(&diagnostic.message)
        .with_code(diagnostic.code.as_str())
        .with_severity(severity)
        .with_labels([place]);
    if let Some(help) = &diagnostic.help {
        shown = shown.with_help(help);
    }
    let source = NamedSource::new(diagnostic.file(), diagnostic.source.text.clone());
    let report = Report::new(shown).with_source_code(source);
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
