//! What a file of a conversation is, by its bytes, and which files are not taken: what runs, and what a browser would run.

use infer::MatcherType;

/// The largest file, in bytes.
pub const LARGEST: usize = 10 * 1024 * 1024;
/// The most that the files of one case may hold together, in bytes.
pub const MOST_IN_A_CASE: i64 = 50 * 1024 * 1024;
/// The longest file name, in characters.
pub const LONGEST_NAME: usize = 200;

/// Bytes that are looked at to find markup.
const LOOKED_AT: usize = 4 * 1024;

/// Endings of files that run, or that open what runs, on some system.
const RUNS: &[&str] = &[
    "apk", "app", "appx", "bash", "bat", "bin", "chm", "cmd", "com", "cpl", "dll", "dmg", "elf", "exe", "hta", "htm",
    "html", "iso", "jar", "js", "jse", "jsp", "lnk", "mht", "mhtml", "mjs", "msc", "msi", "msp", "php", "php3", "php4",
    "php5", "phtml", "pif", "pl", "ps1", "psm1", "py", "rb", "reg", "scr", "sh", "shtml", "svg", "svgz", "swf", "url",
    "vbe", "vbs", "wasm", "wsf", "wsh", "xht", "xhtml", "xsl", "xslt",
];
/// Those of them that are also the last part of host names: `mail.corp.com.txt` is a plain text about a server.
const ALSO_A_DOMAIN: &[&str] = &["app", "bin", "com", "pl", "py", "sh"];

/// Types that are named when a file is served; every other one is served as bytes.
const NAMED: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"];
/// What is served as text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// What is served as bytes.
pub const BYTES: &str = "application/octet-stream";

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable word for the kind of fault.
    pub code: &'static str,
    /// What to do, as a sentence without a full stop.
    pub message: String,
}

fn refuse(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

/// The name of a file without the folders that some browsers put before it.
///
/// # Errors
/// [`Refusal`] for a name that is empty, too long, unreadable, or that of a file that runs; a second ending counts too.
pub fn name(sent: &str) -> Result<String, Refusal> {
    let name = sent.rsplit(['/', '\\']).next().unwrap_or_default().trim().trim_end_matches(['.', ' ']);
    if name.is_empty() {
        return Err(refuse("name_missing", "Give the file a name"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(refuse("name_too_long", format!("The file's name must be {LONGEST_NAME} characters or fewer")));
    }
    // Marks of direction make `gpj.exe` look like `exe.jpg` (Unicode TR 36, section 2.7).
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(|letter| letter.is_control() || turns(letter)) {
        return Err(refuse("name_control_char", "The file's name must not contain control characters"));
    }
    let lower = name.to_lowercase();
    let endings: Vec<&str> = lower.split('.').skip(1).map(str::trim).collect();
    let mut endings = endings.into_iter().rev();
    let last = endings.next().filter(|ending| RUNS.contains(ending));
    let inner = endings.find(|ending| RUNS.contains(ending) && !ALSO_A_DOMAIN.contains(ending));
    match last.or(inner) {
        Some(ending) => Err(refuse(
            "type_refused",
            format!("Files named .{ending} are not taken. Send a text, a picture, a PDF or an archive"),
        )),
        None => Ok(name.to_owned()),
    }
}

/// The type under which a file is kept and served, from its bytes alone.
///
/// # Errors
/// [`Refusal`] for an empty or too large file, a program, a script, and markup that browsers run (HTML, SVG).
pub fn kind(content: &[u8]) -> Result<&'static str, Refusal> {
    if content.is_empty() {
        return Err(refuse("file_empty", "The file is empty"));
    }
    if content.len() > LARGEST {
        return Err(refuse("file_too_large", format!("A file may have {} MiB at most", LARGEST / 1024 / 1024)));
    }
    let found = infer::get(content);
    // Certificates are grouped with programs there; they are what customers have to send.
    let is_certificate = found.is_some_and(|found| found.mime_type() == "application/x-x509-ca-cert");
    let is_program = found.is_some_and(|found| {
        matches!(found.matcher_type(), MatcherType::App)
            || matches!(
                found.mime_type(),
                "text/html"
                    | "text/x-shellscript"
                    | "application/x-shockwave-flash"
                    | "application/vnd.debian.binary-package"
                    | "application/x-rpm"
                    | "application/x-google-chrome-extension"
            )
    });
    // Loaders look at the first bytes alone, however short or broken the rest is.
    let is_loadable = content.starts_with(b"\x7fELF")
        || (content.starts_with(b"MZ") && !is_text(content))
        || content.starts_with(b"#!");
    if (is_program && !is_certificate) || is_markup(content) || is_loadable {
        return Err(refuse(
            "type_refused",
            "Programs, scripts, HTML and SVG are not taken. Send a text, a picture, a PDF or an archive",
        ));
    }
    Ok(match found.map(|found| found.mime_type()) {
        Some(named) => NAMED.iter().find(|known| **known == named).copied().unwrap_or(BYTES),
        None if is_text(content) => TEXT,
        None => BYTES,
    })
}

/// Whether the beginning holds a tag that makes a browser take the whole for HTML or SVG (WHATWG MIME Sniffing, 7.1),
/// behind whatever stands before it, in UTF-8 or with zero bytes between (UTF-16).
fn is_markup(content: &[u8]) -> bool {
    let start: Vec<u8> =
        content.iter().take(LOOKED_AT).filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    let tags: [&[u8]; 8] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<iframe", b"<svg", b"<?php"];
    tags.iter().any(|tag| start.windows(tag.len()).any(|window| window == *tag))
}

fn is_text(content: &[u8]) -> bool {
    std::str::from_utf8(content)
        .is_ok_and(|text| !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')))
}

/// The `Content-Disposition` under which a file is downloaded, never shown (RFC 6266, with RFC 8187 for its name).
pub fn disposition(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._- ".contains(letter) { letter } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_comes_from_the_bytes() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\nrest"), Ok("image/png"));
        assert_eq!(kind(b"%PDF-1.7\n"), Ok("application/pdf"));
        assert_eq!(kind("connect to 10.20.4.15: gr\u{fc}n\n".as_bytes()), Ok(TEXT));
        assert_eq!(kind(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]), Ok(BYTES), "a capture of packets");
        assert_eq!(kind(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), Ok(BYTES));
        assert_eq!(kind(b"PK\x03\x04 and more"), Ok(BYTES));
    }

    #[test]
    fn what_runs_is_refused_whatever_its_name_says() {
        let utf16: Vec<u8> = "<script>alert(1)</script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut exe = b"MZ\x90\0".to_vec();
        exe.resize(256, 0);
        for content in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
            &exe,
            b"#!/bin/sh\nid\n",
            b"\n  <!DOCTYPE HTML><p>",
            b"<?xml version='1.0'?><!-- a --><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            b"GIF-like text, then <ScRiPt>",
            b"<?php system($_GET['c']);",
            &utf16,
        ] {
            assert_eq!(kind(content).unwrap_err().code, "type_refused", "{:?}", String::from_utf8_lossy(content));
        }
        assert_eq!(kind(b"").unwrap_err().code, "file_empty");
        assert_eq!(kind(&vec![b'a'; LARGEST + 1]).unwrap_err().code, "file_too_large");
    }

    #[test]
    fn names_lose_folders_and_second_endings_count() {
        assert_eq!(name("C:\\logs\\mail.corp.com.txt").as_deref(), Ok("mail.corp.com.txt"));
        assert_eq!(name("../../etc/passwd").as_deref(), Ok("passwd"));
        assert_eq!(name("Pr\u{fc}fung (2).pdf").as_deref(), Ok("Pr\u{fc}fung (2).pdf"));
        for (sent, code) in [
            ("a.svg", "type_refused"),
            ("a.html.txt", "type_refused"),
            ("photo.php.jpg", "type_refused"),
            ("photo.PHP .jpg", "type_refused"),
            ("a.exe. ", "type_refused"),
            ("command.com", "type_refused"),
            ("a.js", "type_refused"),
            ("photo\u{202e}gpj.txt", "name_control_char"),
            ("a\r\nX: y.txt", "name_control_char"),
            ("logs/", "name_missing"),
        ] {
            assert_eq!(name(sent).unwrap_err().code, code, "{sent:?}");
        }
    }

    #[test]
    fn a_disposition_cannot_be_left() {
        let header = disposition("a\"; x=\u{fc}.txt");
        assert_eq!(header, "attachment; filename=\"a__ x__.txt\"; filename*=UTF-8''a%22%3B%20x%3D%C3%BC.txt");
    }
}
