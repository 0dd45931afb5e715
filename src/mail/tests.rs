//! What the room promises, from outside.

use super::{Mail, MailLimits, frame, images, tags};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Attachment, Content, Email},
};

fn html(mail: Mail) -> Result<String> {
    Ok(mail.content()?.html.as_deref().expect("has HTML").to_owned())
}

#[test]
fn a_fragment_becomes_a_document_once() {
    let made =
        html(Mail::from_html("<p>Hi</p>").lang("de-AT").dark_mode().preheader("5 < 6 & more")).expect("good");
    for part in [
        "<!doctype html>",
        "<html lang=\"de-AT\">",
        "name=\"color-scheme\"",
        "name=\"supported-color-schemes\"",
        "5 &lt; 6 &amp; more&#847;",
    ] {
        assert_eq!(made.matches(part).count(), 1, "{part} in {made}");
    }
    let again = html(Mail::from_html(made.clone()).lang("en").dark_mode()).expect("good");
    assert_eq!(again, made, "what the document says stays");
}

#[test]
fn a_document_of_the_callers_own_keeps_its_form() {
    let source = "<!-- <body> --><HTML dir=ltr>\n<head><title><body></title></head><BODY class='a>b' bgcolor=\"#fff\"><p>Hi</p></BODY></HTML>";
    let made = html(Mail::from_html(source).lang("de").preheader("first")).expect("good");
    assert!(made.starts_with("<!-- <body> --><HTML lang=\"de\" dir=ltr>"), "{made}");
    let (before, after) = made.split_once("<BODY class='a>b' bgcolor=\"#fff\">").expect("as it was");
    assert!(
        !before.contains("first") && after.trim_start().starts_with("<div style=\"display:none"),
        "{made}"
    );
}

#[test]
fn the_frame_needs_no_head_and_no_language() {
    assert_eq!(frame::color_schemes("<body>x</body>".into()).matches("<head>").count(), 1, "a head is made");
    let error = Mail::from_html("<p>").lang("de\" onload=\"x").content().expect_err("no tag");
    assert_eq!(error.field(), Some("lang"));
    for bad in ["", "two\nlines", &"x".repeat(251)] {
        assert_eq!(frame::preheader("<p>".into(), bad).expect_err("bad").field(), Some("preheader"));
    }
}

#[test]
fn every_cid_is_an_image_of_the_mail() {
    let source = "<img alt='' src=\"cid:logo\"><td background='cid:back'><style>p{background:url(cid:third)}</style><p>acid:test</p>";
    let logo = || Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid");
    let start = || Email::builder().to("a@x.org").subject("s").attach(logo());
    let error = Mail::from_html(source).into_email(start()).expect_err("two are missing");
    assert!(error.to_string().contains("cid:back") && error.to_string().contains("logo"), "{error}");
    let more = |id| Attachment::inline(id, "l.png", "image/png", &b"PNG"[..]).expect("valid");
    let email = Mail::from_html(source).into_email(start().attach(more("back")).attach(more("third")));
    assert!(images::check(&email.expect("all are there")).is_ok());
}

#[test]
fn what_is_too_much_is_refused_before_it_is_read() {
    let many = |what: &str, count: usize| what.repeat(count);
    let cases = [
        ("source_bytes", many("x", 600_000)),
        ("tags", many("<br>", 20_001)),
        ("nesting", many("<div>", 201)),
        ("nesting", many("<div><b></div>", 201)),
        ("nesting", many("<span><p></span></p>", 201)),
        ("nesting", many("<table><td>", 101)),
        ("css_rules", format!("<style>{}</style>", many("a{b:c}", 17_000))),
        ("css_rules", format!("<style>{}</style>", many("a,", 17_000))),
    ];
    for (limit, source) in cases {
        let error = Mail::from_html(source).content().expect_err(limit);
        assert_eq!(error.kind(), ErrorKind::PayloadTooLarge, "{error}");
        assert!(error.to_string().contains(&format!("MailLimits::{limit}")), "{limit}: {error}");
    }
    let flat = many("<ul><li>a<li>b</ul><p>c<p>d<table><tr><td>e<td>f<tr><td>g</table>", 300);
    assert!(Mail::from_html(flat).content().is_ok(), "ends that may be left out are no nesting");
}

#[test]
fn tags_are_found_as_browsers_find_them() {
    let names = |source: &str| tags::all(source).map(|t| t.name.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names("a < b <p title=\"a>b\"x><!-- <i> --></p><style><b></style><script>'<u>'</script>< em>"),
        ["p", "p", "style", "style", "script", "script"]
    );
    for torn in [
        "<",
        "</",
        "<a",
        "<a href",
        "<a href=",
        "<a href=\"",
        "<!--",
        "<!",
        "<style>",
        "<é",
        "<a é=ü",
        "<a\u{a0}b='",
    ] {
        assert!(tags::all(torn).all(|tag| tag.attribute("none").is_none()), "{torn}");
        assert!(Mail::from_html(torn).lang("de").dark_mode().preheader("p").content().is_ok(), "{torn}");
    }
}

#[test]
fn a_mail_needs_html() {
    let error = Mail::from_content(Content::default()).content().expect_err("nothing there");
    assert_eq!(error.field(), Some("html"));
}

#[cfg(feature = "css-inline")]
mod css {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn rules_become_attributes_and_the_rest_stays() {
        let source = "<html><head><style>p{color:red} .x{margin:0} p:hover{color:blue} \
            @media (max-width:600px){p{color:green}} td{width:50px}</style></head>\
            <body><p class=x style=\"margin:1px\">Hi</p><table><tr><td>a</td></tr></table></body></html>";
        let made = html(Mail::from_html(source).inline_css()).expect("good");
        let paragraph =
            made.split("<p ").nth(1).and_then(|rest| rest.split('>').next()).expect("a paragraph");
        assert!(paragraph.contains("color: red") && paragraph.contains("margin: 1px"), "{made}");
        assert!(made.contains("@media") && made.contains("p:hover"), "{made}");
        assert!(!made.contains("p{color:red}") && made.contains("width=\"50\""), "{made}");
    }

    /// A style sheet that would be fetched is in reach, over HTTP and as a file; neither is touched.
    #[test]
    fn nothing_is_fetched_and_no_file_is_read() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        server.set_nonblocking(true).expect("a listener");
        let port = server.local_addr().expect("bound").port();
        let file = std::env::temp_dir().join(format!("tidings-mail-{}.css", std::process::id()));
        std::fs::write(&file, "p{color:#c0ffee}").expect("a writable folder");
        let links = format!(
            "<link rel=stylesheet href=\"http://127.0.0.1:{port}/a.css\">\
             <link rel=stylesheet href=\"{0}\"><link rel=stylesheet href=\"file://{0}\">\
             <style>@import url(\"file://{0}\"); @import 'http://127.0.0.1:{port}/b.css'; p{{margin:0}}</style>",
            file.display()
        );
        let made = html(
            Mail::from_html(format!("<html><head>{links}</head><body><p>x</p></body></html>")).inline_css(),
        );
        std::fs::remove_file(&file).expect("it is ours");
        let made = made.expect("links stay as they are");
        assert!(!made.contains("c0ffee") && made.contains("margin: 0"), "{made}");
        assert_eq!(server.accept().expect_err("nobody called").kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn hostile_css_ends() {
        for css in [
            "p{color:red",
            "}}}}",
            "@media{",
            "p{--a:var(--b);--b:var(--a);color:var(--a)}",
            "*{",
            "\\",
            "p:not(",
            "a[b=\"",
            "/*",
            "@layer a{@layer b{p{x:y}}}",
        ] {
            let source = format!("<style>{css}</style><p>x</p>");
            let _typed: Result<Content> = Mail::from_html(source).inline_css().content();
        }
        let deep = format!("<style>{}p{{}}</style><p>x</p>", "@layer a{".repeat(1_900));
        let _typed: Result<Content, Error> = Mail::from_html(deep).inline_css().content();
    }
}

#[cfg(feature = "mjml")]
mod mjml {
    use super::*;

    const SOURCE: &str = "<mjml><mj-head><mj-style inline=\"inline\">.a{color:#123456}</mj-style></mj-head>\n<mj-body><mj-section><mj-column>\
        <mj-text css-class=\"a\">Hello &amp; welcome</mj-text><mj-button href=\"https://x.org\">Go</mj-button>\
        </mj-column></mj-section></mj-body></mjml>";

    #[test]
    fn mjml_becomes_html_without_foreign_fonts() {
        let made = html(Mail::from_mjml(SOURCE).lang("en")).expect("good");
        assert!(made.contains("Hello &amp; welcome") && made.contains("lang=\"en\""), "{made}");
        assert!(made.contains(".a{color:#123456}"), "styles to be inlined are not lost: {made}");
        assert!(!made.contains("fonts.googleapis.com"), "{made}");
        assert!(!made.contains("lang=\"und\"") && !made.contains("<mj-"), "{made}");
    }

    #[test]
    fn a_template_may_render_mjml() {
        let content = Content { html: Some(format!("\n {SOURCE}").into()), ..Content::default() };
        assert!(html(Mail::from_content(content)).expect("good").contains("Hello &amp; welcome"));
    }

    #[test]
    fn faults_have_a_place_and_a_hint() {
        let include = "<mjml><mj-body>\n  <mj-include path=\"/etc/passwd\" /></mj-body></mjml>";
        let error = Mail::from_mjml(include).content().expect_err("nothing is loaded");
        assert_eq!(error.kind(), ErrorKind::Template);
        assert!(
            error.to_string().contains("line 2") && error.to_string().contains("{{> footer}}"),
            "{error}"
        );
        for bad in ["", "<mjml>", "<p>x</p>", "<mjml><mj-body><mj-what/></mj-body></mjml>"] {
            let error = Mail::from_mjml(bad).content().expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::Template, "{bad}: {error}");
        }
    }
}

#[cfg(feature = "html-text")]
mod text {
    use super::*;

    fn text(html: &str) -> String {
        let content = Mail::from_html(html).derive_text().content().expect("good");
        content.text.as_deref().expect("derived").to_owned()
    }

    #[test]
    fn links_are_listed_at_the_end_and_what_says_itself_is_not() {
        let made = text(
            "<p>See <a href=\"https://x.org/a?b=c\">your order</a>, <a href=\"https://x.org/\">x.org</a>, \
             <a href=\"mailto:a@x.org\">a@x.org</a> or <a href=\"#top\">the top</a>.</p><a href=\"https://x.org/pixel\"><img src=p.gif></a>",
        );
        assert_eq!(made, "See your order [1], x.org, a@x.org or the top.\n\n[1] https://x.org/a?b=c\n");
    }

    #[test]
    fn links_side_by_side_and_within_one_another_are_told_apart() {
        let menu = text("<p><a href=\"https://x.org/1\">home</a><a href=\"https://x.org/2\">shop</a></p>");
        assert_eq!(menu, "home [1]  shop [2]\n\n[1] https://x.org/1\n[2] https://x.org/2\n");
        let torn = text(
            "<a href=\"https://x.org/1\"><table><tr><td><a href=\"https://x.org/2\">Go</a></td></tr></table></a>",
        );
        assert_eq!(torn, "Go [1]\n\n[1] https://x.org/2\n");
    }

    #[test]
    fn layout_is_undone_and_rows_stay() {
        let made = text(
            "<table role=presentation><tr><td><table><tr><td><h1>Thank you</h1></td></tr><tr><td><p>Dear Ada,</p></td></tr></table></td></tr>\
             <tr><td><table><tr><th>Item</th><th>Price</th></tr><tr><td><p>Tea</p></td><td><b>€4</b></td></tr>\
             <tr><td>Cups</td><td><s>€9</s> €7</td></tr></table></td></tr></table>",
        );
        assert_eq!(made, "Thank you\n\nDear Ada,\n\nItem | Price\nTea | €4\nCups | ~€9~ €7\n");
    }

    #[test]
    fn what_is_hidden_is_left_out() {
        let made = text(
            "<html><head><title>t</title><style>p{}</style></head><body>\
             <div style=\"display:none; max-height:0\">preheader</div><span style='overflow: hidden; max-height: 0px'>second</span>\
             <p hidden>third</p><!-- comment --><!--[if mso]><p>Outlook</p><![endif]--><p style=\"font-size:0\">shown\u{200c}\u{a0}twice</p></body></html>",
        );
        assert_eq!(made, "shown twice\n");
    }

    #[test]
    fn the_preheader_is_not_read_twice_and_text_of_ones_own_stays() {
        let made = Mail::from_html("<p>Body</p>").preheader("Before").derive_text().content().expect("good");
        assert_eq!(made.text.as_deref(), Some("Body\n"));
        let own =
            Content { html: Some("<p>Body</p>".into()), text: Some("mine".into()), ..Content::default() };
        assert_eq!(
            Mail::from_content(own).derive_text().content().expect("good").text.as_deref(),
            Some("mine")
        );
    }

    #[test]
    fn lists_images_and_long_lines_are_readable() {
        let made = text(
            "<ul><li>one</li><li>two</li></ul><ol><li>first</li></ol><img src=a alt=\"A cup\"><img src=b alt=\"\">",
        );
        assert_eq!(made, "- one\n- two\n1. first\n[A cup]\n");
        let long = text(&format!("<p>{}</p>", "word ".repeat(100)));
        assert!(long.lines().all(|line| line.chars().count() <= 78), "{long}");
    }
}

/// Deep and misnested sources on a stack of 2 MiB: each ends in a mail or a typed error.
#[test]
fn hostile_sources_end_on_a_small_stack() {
    let run = || {
        for (open, close) in [
            ("<div>", "</div>"),
            ("<b a=1>", "</b>"),
            ("<table><tr><td>", "</td></tr></table>"),
            ("<ul><li>", "</li></ul>"),
            ("<a href=x><p>", "</p></a>"),
            ("<svg>", "</svg>"),
            ("<blockquote>", "</blockquote>"),
        ] {
            let levels = 199 / open.matches('<').count();
            let source = format!("<html><body>{}x{}", open.repeat(levels - 2), close.repeat(levels - 2));
            let mail = Mail::from_html(source).preheader("p");
            #[cfg(feature = "css-inline")]
            let mail = mail.inline_css();
            #[cfg(feature = "html-text")]
            let mail = mail.derive_text();
            assert!(mail.content().is_ok(), "{open}");
        }
        #[cfg(feature = "mjml")]
        for tag in ["mj-raw", "mj-wrapper", "mj-section", "div", "mj-text"] {
            let nested = format!("<{tag}>").repeat(190) + "x" + &format!("</{tag}>").repeat(190);
            let source = format!(
                "<mjml><mj-body><mj-section><mj-column><mj-raw>{nested}</mj-raw></mj-column></mj-section></mj-body></mjml>"
            );
            let _typed: Result<Content> = Mail::from_mjml(source).content();
        }
        assert!(MailLimits::default().admit("<p>").is_ok());
    };
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("no overflow");
}
