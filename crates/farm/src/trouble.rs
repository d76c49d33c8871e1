//! What a storage says when it fails, in words, and whether it may pass.

use std::error::Error;

use crate::{FarmError, Verdict};

/// Whether a file is missing, and not the bucket that it would lie in.
pub(crate) fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && !chain(error).contains("NoSuchBucket")
}

/// Sorts the failure of a storage.
pub(crate) fn storage(place: &str, action: &'static str, error: &object_store::Error) -> FarmError {
    use object_store::Error as Failure;
    let said = chain(error);
    let is = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (problem, hint, verdict) = match error {
        _ if is(&["NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound"]) => (
            "there is no such bucket".to_owned(),
            "check its name and region; buckets are made with the provider's own tools",
            Verdict::GiveUp,
        ),
        Failure::Unauthenticated { .. } | Failure::PermissionDenied { .. } => denied(),
        _ if is(&[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AccessDenied",
            "403 Forbidden",
            "401 Unauthorized",
        ]) =>
        {
            denied()
        }
        // Asked for where programs run in a cloud: nobody gave any credentials.
        _ if is(&["169.254.169.254", "metadata.google.internal", "InstanceCredential", "Missing credentials"]) => (
            "no credentials were found".to_owned(),
            "set the provider's environment variables, such as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
            Verdict::GiveUp,
        ),
        Failure::NotFound { .. } => ("it is not there".to_owned(), "check the plan's address", Verdict::GiveUp),
        Failure::InvalidPath { .. } | Failure::NotSupported { .. } | Failure::NotImplemented { .. } => {
            (said, "check the plan's address", Verdict::GiveUp)
        }
        _ if is(&["URL scheme is not allowed", "builder error"]) => {
            (said, "a server without encryption has to be allowed: AWS_ALLOW_HTTP=true", Verdict::GiveUp)
        }
        _ if is(&["Permission denied", "Read-only file system"]) => {
            (said, "check that you may write there", Verdict::GiveUp)
        }
        _ => {
            (said, "the storage or the way to it is in trouble; what is finished is kept, so try again", Verdict::Retry)
        }
    };
    FarmError::Storage { place: place.to_owned(), action, problem, hint, verdict }
}

fn denied() -> (String, &'static str, Verdict) {
    let problem = "the storage does not let these credentials in".to_owned();
    (
        problem,
        "check the provider's environment variables, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        Verdict::GiveUp,
    )
}

/// What an error and its causes say, in one line, without what a storage's request may have had in its address.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text += &format!(": {more}");
        }
        cause = error.source();
    }
    // Of addresses alone: what the server says holds question marks too.
    let bare = |word| match word {
        word if str::contains(word, "://") => word.split('?').next().unwrap_or(word),
        word => word,
    };
    let words: Vec<&str> = text.split_whitespace().map(bare).collect();
    words.join(" ")
}
