//! CLIP's tokenizer: words to numbers, as `vocab.json` and `merges.txt` say.

use std::path::Path;

use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Sequence};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as Steps;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, TokenizerImpl};

use crate::{DiffusionError, Result};

type Inner = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    tokenizers::PostProcessorWrapper,
    tokenizers::DecoderWrapper,
>;

/// Words to numbers.
pub struct Tokenizer {
    inner: Inner,
    start: u32,
    end: u32,
}

/// CLIP's words: contractions, runs of letters, single digits, runs of anything else.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

impl Tokenizer {
    /// Reads the tokenizer of a checkpoint.
    ///
    /// # Errors
    /// Where a file cannot be read or lacks the marks of start and end.
    pub fn open(vocabulary: &Path, merges: &Path) -> Result<Self> {
        let refuse = |path: &Path, found: String| {
            let hint = "fetch the file again with `moue models pull`";
            DiffusionError::file(path, found, "the vocabulary and merges of CLIP's tokenizer", hint)
        };
        for path in [vocabulary, merges] {
            std::fs::metadata(path).map_err(|e| DiffusionError::io(path, e))?;
        }
        let bpe = BPE::from_file(&vocabulary.to_string_lossy(), &merges.to_string_lossy())
            .unk_token("<|endoftext|>".into())
            .end_of_word_suffix("</w>".into())
            .build()
            .map_err(|e| refuse(vocabulary, e.to_string()))?;
        let normalizers: Vec<NormalizerWrapper> = vec![NFC.into(), Lowercase.into()];
        let pattern = SplitPattern::Regex(WORDS.into());
        let split = Split::new(pattern, SplitDelimiterBehavior::Removed, true)
            .map_err(|e| refuse(vocabulary, e.to_string()))?;
        let steps: Vec<PreTokenizerWrapper> = vec![split.into(), ByteLevel::new(false, true, false).into()];
        let mut inner = Inner::new(bpe);
        inner
            .with_normalizer(Some(NormalizerWrapper::from(Sequence::new(normalizers))))
            .map_err(|e| refuse(vocabulary, e.to_string()))?;
        inner.with_pre_tokenizer(Some(PreTokenizerWrapper::from(Steps::new(steps))));
        let mark = |name: &str| inner.token_to_id(name).ok_or_else(|| refuse(vocabulary, format!("no {name}")));
        let (start, end) = (mark("<|startoftext|>")?, mark("<|endoftext|>")?);
        Ok(Self { inner, start, end })
    }

    /// The tokens of `text` between the marks of start and end, filled up with the latter to `length`.
    ///
    /// # Errors
    /// Where the text is longer.
    pub fn encode(&self, text: &str, length: usize) -> Result<Vec<u32>> {
        let words = self.words(text)?;
        if words.len() + 2 > length {
            return Err(DiffusionError::Value {
                what: "the prompt's length in tokens",
                found: words.len().to_string(),
                expected: format!("at most {}", length.saturating_sub(2)),
                hint: "shorten the prompt".into(),
            });
        }
        let mut ids = vec![self.start];
        ids.extend(words);
        ids.resize(length, self.end);
        Ok(ids)
    }

    /// The one token of `word`.
    ///
    /// # Errors
    /// Where it is no single token.
    pub fn token(&self, word: &str) -> Result<u32> {
        match self.words(word)?[..] {
            [id] => Ok(id),
            ref ids => Err(DiffusionError::Value {
                what: "the number of tokens of the word that stands for the face",
                found: ids.len().to_string(),
                expected: "1".into(),
                hint: "the tokenizer's files are not those of CLIP: fetch them again with `moue models pull`".into(),
            }),
        }
    }

    fn words(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode(text, false).map_err(|e| candle_core::Error::Msg(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }
}
