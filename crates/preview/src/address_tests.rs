use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> PreviewAddress {
    PreviewAddress::parse(text).unwrap()
}

fn refusal(text: &str) -> String {
    PreviewAddress::parse(text).unwrap_err().to_string()
}

#[test]
fn parts_that_are_left_out_have_defaults() {
    for (text, whole) in [
        ("preview://", "preview://127.0.0.1:0"),
        ("preview://:8080", "preview://127.0.0.1:8080"),
        ("PREVIEW://127.0.0.1", "preview://127.0.0.1:0"),
        ("preview://[::1]:8080/", "preview://[::1]:8080"),
        ("preview://[::1]", "preview://[::1]:0"),
        ("preview://0.0.0.0:65535", "preview://0.0.0.0:65535"),
        ("preview://Studio.example:80", "preview://studio.example:80"),
    ] {
        assert_eq!(parse(text).to_string(), whole);
        assert_eq!(parse(whole), parse(text));
    }
    assert_eq!(PreviewAddress::parse_host_and_port(":9090").unwrap(), parse("preview://:9090"));
    assert!(PreviewAddress::parse_host_and_port("http://127.0.0.1:9090").is_err());
}

#[test]
fn what_is_no_address_is_told_with_a_hint() {
    for (text, part) in [
        ("rtmp://127.0.0.1", "another scheme"),
        ("preview:/", "another scheme"),
        ("preview://127.0.0.1:99999", "the port '99999'"),
        ("preview://127.0.0.1:+80", "the port '+80'"),
        ("preview://127.0.0.1:80/page", "a path"),
        ("preview://::1:80", "several colons"),
        ("preview://[::1:80", "a bracket that is not closed"),
        ("preview://[::1]80", "'80' after the bracket"),
        ("preview://1.2.3.256:80", "the host '1.2.3.256'"),
        ("preview://a b:80", "the host 'a b'"),
        ("preview://127.0.0.1:80?key=1", "something else after '?'"),
    ] {
        let told = refusal(text);
        assert!(told.contains(part) && told.contains("\nhint: "), "{told}");
    }
    let told = refusal("preview://127.0.0.1:80?token=my-secret");
    assert!(told.contains("a token of 9 characters") && !told.contains("my-secret"), "{told}");
}

#[test]
fn elsewhere_than_on_the_loopback_there_is_a_token() {
    let token = |text: &str| parse(text).listen().unwrap().1;
    assert_eq!(token("preview://127.0.0.1"), None);
    assert_eq!(token("preview://localhost"), None);
    assert!(token("preview://0.0.0.0").is_some());
    assert_ne!(token("preview://0.0.0.0"), token("preview://0.0.0.0"));
    let given = Token::parse("sixteen-letters_");
    assert_eq!(token("preview://0.0.0.0?token=sixteen-letters_"), given);
    assert_eq!(token("preview://127.0.0.1/?token=sixteen-letters_"), given);
}

#[test]
fn urls_can_be_opened() {
    let token = Token::parse("sixteen-letters_").unwrap();
    // Debian lets the host's name stand for 127.0.1.1.
    let bound = "127.0.1.1:81".parse().unwrap();
    let url = |text: &str, token: Option<&Token>| parse(text).url(bound, "/", token);
    assert_eq!(url("preview://127.0.0.1:80", None), "http://127.0.0.1:81/");
    assert_eq!(url("preview://[::1]", None), "http://[::1]:81/");
    assert_eq!(url("preview://0.0.0.0", Some(&token)), "http://127.0.0.1:81/?token=sixteen-letters_");
    assert_eq!(url("preview://[::]", None), "http://[::1]:81/");
    // A server without a token answers to no name but localhost.
    assert_eq!(url("preview://studio:80", None), "http://127.0.1.1:81/");
    assert_eq!(url("preview://studio:80", Some(&token)), "http://studio:81/?token=sixteen-letters_");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let (taken, _) = parse("preview://127.0.0.1").listen().unwrap();
    let text = format!("preview://{}", taken.local_addr().unwrap());
    let told = parse(&text).listen().unwrap_err();
    assert!(matches!(told, PreviewError::InUse { .. }), "{told}");
    assert!(told.to_string().contains("another program listens at this port\nhint: "), "{told}");
    // This address is for documentation and belongs to no machine.
    let elsewhere = parse("preview://192.0.2.1:8080").listen().unwrap_err().to_string();
    assert!(elsewhere.contains("192.0.2.1:8080: cannot listen there") && elsewhere.contains("\nhint: "), "{elsewhere}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(preview://)?[\\[\\]:/?=a-z0-9.\\PC]{0,40}") {
        let _ = PreviewAddress::parse(&text);
        let _ = PreviewAddress::parse_host_and_port(&text);
    }

    #[test]
    fn addresses_are_read_as_they_are_shown(ip: [u8; 4], groups: [u16; 8], port: u16) {
        for ip in [IpAddr::from(ip), IpAddr::from(groups)] {
            let address = PreviewAddress { host: Host::Ip(ip), port, token: None };
            prop_assert_eq!(parse(&address.to_string()), address);
        }
    }
}
