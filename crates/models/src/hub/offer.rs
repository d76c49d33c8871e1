//! What the hub tells of a file in the headers of its answers.

use ureq::http::{HeaderMap, StatusCode};

use crate::ModelFile;

/// What the hub says of a file: the newest version on the main branch of its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// In bytes.
    pub size: u64,
    /// Of the content, in lower-case hexadecimal digits. The hub tells it for large files (those in Git LFS).
    pub sha256: Option<String>,
    /// The commit of the repository.
    pub commit: String,
    /// The name of this content in the cache.
    pub(super) etag: String,
}

impl Offer {
    /// What the content is checked against: what the catalogue knows, else what the hub says.
    pub(super) fn expected_sha256(&self, file: ModelFile) -> Option<&str> {
        file.sha256().or(self.sha256.as_deref())
    }
}

/// What is known of a file after some answers.
#[derive(Default)]
pub struct Known {
    size: Option<u64>,
    etag: Option<String>,
    commit: Option<String>,
}

impl Known {
    /// The first answer wins: the hub's own headers come with the redirect to its storage.
    pub fn read(&mut self, headers: &HeaderMap, is_hub: bool, status: StatusCode) {
        let length = header(headers, "content-length").filter(|_| status == StatusCode::OK);
        let size = header(headers, "x-linked-size").or(length).and_then(|text| text.parse().ok());
        self.size = self.size.or(size);
        if !is_hub {
            return;
        }
        // On a redirect, the plain ETag is that of the redirect.
        let plain = header(headers, "etag").filter(|_| status == StatusCode::OK);
        let etag =
            header(headers, "x-linked-etag").or(plain).map(|text| text.trim_start_matches("W/").trim_matches('"'));
        self.etag = self.etag.take().or(etag.filter(|text| is_name(text)).map(str::to_owned));
        let commit = header(headers, "x-repo-commit").filter(|text| is_name(text));
        self.commit = self.commit.take().or(commit.map(str::to_owned));
    }

    pub fn offer(&self) -> Option<Offer> {
        let (size, etag, commit) = (self.size?, self.etag.clone()?, self.commit.clone()?);
        Some(Offer { size, sha256: Some(etag.clone()).filter(|etag| is_sha256(etag)), commit, etag })
    }

    pub fn lacking(&self) -> &'static str {
        match (&self.size, &self.etag, &self.commit) {
            (None, _, _) => "the file's size (X-Linked-Size or Content-Length)",
            (_, None, _) => "the content's name (X-Linked-ETag or ETag)",
            _ => "the repository's commit (X-Repo-Commit)",
        }
    }
}

pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a text from outside may be a file's name.
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a name in the cache is the hash of a large file. Others are named by Git's hash of a small one.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer<'a> {
        is_hub: bool,
        status: StatusCode,
        headers: &'a [(&'static str, &'static str)],
    }

    fn known(answers: &[Answer<'_>]) -> Known {
        let mut known = Known::default();
        for answer in answers {
            let mut map = HeaderMap::new();
            for (name, value) in answer.headers {
                map.insert(*name, value.parse().unwrap());
            }
            known.read(&map, answer.is_hub, answer.status);
        }
        known
    }

    #[test]
    fn a_large_file_is_known_from_the_redirect() {
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let headers = [
            ("x-linked-etag", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
            ("x-linked-size", "3438167536"),
            ("x-repo-commit", "c0ffee"),
            ("etag", "\"of-the-redirect\""),
            ("content-length", "1100"),
        ];
        let offer = known(&[Answer { is_hub: true, status: StatusCode::FOUND, headers: &headers }]).offer().unwrap();
        assert_eq!((offer.size, offer.sha256.as_deref()), (3_438_167_536, Some(sha)));
        assert_eq!((offer.etag.as_str(), offer.commit.as_str()), (sha, "c0ffee"));
    }

    #[test]
    fn a_small_file_is_known_from_the_answer_behind_a_redirect() {
        let first = [("x-repo-commit", "c0ffee"), ("content-length", "0"), ("etag", "\"of-the-redirect\"")];
        let second = [("etag", "W/\"55d789\""), ("content-length", "547")];
        let offer = known(&[
            Answer { is_hub: true, status: StatusCode::TEMPORARY_REDIRECT, headers: &first },
            Answer { is_hub: true, status: StatusCode::OK, headers: &second },
        ]);
        let offer = offer.offer().unwrap();
        assert_eq!((offer.size, offer.sha256), (547, None));
        assert_eq!((offer.etag.as_str(), offer.commit.as_str()), ("55d789", "c0ffee"));
    }

    #[test]
    fn names_from_outside_stay_in_the_cache() {
        let headers = [("etag", "\"../../evil\""), ("x-repo-commit", "c0ffee"), ("content-length", "3")];
        let known = known(&[Answer { is_hub: true, status: StatusCode::OK, headers: &headers }]);
        assert!(known.offer().is_none());
        assert!(known.lacking().contains("ETag"));
        assert!(!is_name("") && !is_name("..") && !is_name("a/b") && !is_name(&"a".repeat(200)));
    }

    #[test]
    fn another_host_has_no_say_in_names() {
        let headers = [("etag", "\"55d789\""), ("x-repo-commit", "c0ffee"), ("content-length", "3")];
        let answer = Answer { is_hub: false, status: StatusCode::OK, headers: &headers };
        assert!(known(&[answer]).offer().is_none());
    }
}
