//! CSS into `style` attributes, by css-inline.

use std::{io, sync::Arc};

use css_inline::{CSSInliner, InlineError, StylesheetResolver};

use crate::error::{Error, ErrorKind, Result};

/// Refuses whatever is to be loaded. Loading is switched off as well; this holds should css-inline change its mind.
#[derive(Debug)]
struct NoStylesheets;

impl StylesheetResolver for NoStylesheets {
    fn retrieve(&self, _: &str) -> Result<String, InlineError> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "style sheets are not loaded; write them into the mail",
        )
        .into())
    }
}

/// What was inlined leaves the `<style>` elements; the rest stays in them, and so do `<link>`s.
pub(super) fn inline(html: &str) -> Result<String> {
    let inliner = CSSInliner::options()
        .load_remote_stylesheets(false)
        .resolver(Arc::new(NoStylesheets))
        .keep_style_tags(true)
        .keep_link_tags(true)
        .keep_at_rules(true)
        .remove_inlined_selectors(true)
        .apply_width_attributes(true)
        .build();
    inliner.inline(html).map_err(|error| {
        Error::new(ErrorKind::Template, format!("the CSS cannot be inlined: {error}")).with_field("html")
    })
}
