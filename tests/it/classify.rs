//! `postern classify` as a program: order, shapes, exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn classify(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("classify")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().ok();
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn json_has_the_fields_of_the_contract_in_order() {
    let output = classify(&["--json", "::ffff:10.0.0.1"], b"");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        concat!(
            r#"{"input":"::ffff:10.0.0.1","kind":"address","class":"private","canonical":"10.0.0.1","reachable":false,"#,
            r#""code":null,"reason":null,"source":"RFC 1918, 10.0.0.0/8","suggest":[],"#,
            r#""warnings":["::ffff:10.0.0.1 is an IPv4-mapped address and means 10.0.0.1"]}"#,
            "\n"
        )
    );
}

#[test]
fn standard_input_gives_one_line_per_line_in_the_same_order() {
    let mut input = b"10.0.0.1\n\nnot\xffutf8\r\n127.1\n".to_vec();
    input.extend(vec![b'1'; 200_000]);
    input.extend(b"\n8.8.8.8");
    let output = classify(&["--json", "-"], &input);
    assert_eq!(output.status.code(), Some(1));
    let codes: Vec<String> = stdout(&output)
        .lines()
        .map(|line| {
            let verdict: serde_json::Value = serde_json::from_str(line).unwrap();
            verdict["code"].as_str().or(verdict["class"].as_str()).unwrap().to_owned()
        })
        .collect();
    assert_eq!(codes, ["private", "empty", "non_ascii", "short_form", "not_decimal", "public"]);
}

#[test]
fn exit_codes_tell_rejected_values_from_a_wrong_command_line() {
    assert_eq!(classify(&["10.0.0.1", "100.64.0.1", "8.8.8.8"], b"").status.code(), Some(0));
    assert_eq!(classify(&["10.0.0.1", "127.0.0.1"], b"").status.code(), Some(1));
    assert_eq!(classify(&["203.0.113.9"], b"").status.code(), Some(1));
    assert_eq!(classify(&["--allow-documentation", "203.0.113.9"], b"").status.code(), Some(0));
    assert_eq!(classify(&[], b"").status.code(), Some(2));
    assert_eq!(classify(&["--no-such-option", "10.0.0.1"], b"").status.code(), Some(2));
}

#[test]
fn text_has_one_aligned_line_per_value_and_no_control_characters() {
    let output = classify(&["10.0.0.1", "172.0.0.0/11", "10.0.0.5\u{1b}[31m"], b"");
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("10.0.0.1           "), "{text}");
    assert!(lines[1].contains("rejected  mixed_class: "), "{text}");
    assert!(lines[1].ends_with("possibly meant: 172.16.0.0/12"), "{text}");
    assert!(!text.contains('\u{1b}'));
    let columns: Vec<_> =
        ["private ", "rejected", "rejected"].iter().zip(&lines).map(|(word, line)| line.find(word)).collect();
    assert!(columns.iter().all(|column| column.is_some() && *column == columns[0]), "{text}");
}

#[test]
fn a_closed_pipe_is_an_error_and_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["classify", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"10.0.0.1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "{:?}", String::from_utf8_lossy(&output.stderr));
}
