//! One definition for a type, its reader and its description.

/// Defines a struct that is read from a mapping and describes itself in a JSON Schema.
///
/// ```text
/// mapping! {
///     /// What it is.
///     pub struct Name {
///         /// What the key is.
///         pub key: Type where (RANGE) = "DEFAULT",
///     } with {
///         /// Keys of another such struct, which stand among the keys of this one.
///         pub part: OtherName,
///     }
/// }
/// ```
///
/// The range (of numbers), the default and the part with `with` may be left out. Key and field have one name. A key
/// with neither a default nor an `Option`al type must be there. The default is written as in a document.
///
/// After the name there may be one of
/// - `short KEY`: a scalar in the place of the mapping is the value of that key;
/// - `line FUNCTION`: a scalar in the place of the mapping is made into one by `fn(&Node, &mut Report) -> Option<Node>`;
///   with `line FUNCTION or TYPE` so is whatever else `TYPE` is read from;
/// - `layered`: the struct is one of several layers, all of its fields are `Option`s. It gets `over(self, below)`, the
///   layer with what is missing taken from the one below, `built_in()`, the lowest layer with the defaults, and
///   `empty()`.
#[macro_export]
macro_rules! mapping {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident layered $fields:tt
    ) => {
        $crate::mapping!(@define [$($doc)*] [$vis] $name [true] [] [] $fields {});
        $crate::mapping!(@layers $name $fields);
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident line $line:ident $(or $line_type:ident)? { $($fields:tt)* }
    ) => {
        $crate::mapping!(@define [$($doc)*] [$vis] $name [false] [] [$line $($line_type)?] { $($fields)* } {});
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident short $short:ident $fields:tt $(with $parts:tt)?
    ) => {
        $crate::mapping!(@define [$($doc)*] [$vis] $name [false] [$short] [] $fields {$($parts)?});
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident $fields:tt $(with $parts:tt)?
    ) => {
        $crate::mapping!(@define [$($doc)*] [$vis] $name [false] [] [] $fields {$($parts)?});
    };
    (
        @define [$($doc:literal)*] [$vis:vis] $name:ident [$layered:literal] [$($short:ident)?] [$($line:ident $($line_type:ident)?)?]
        {
            $(
                $(#[doc = $field_doc:literal])*
                $field_vis:vis $field:ident : $type:ty $(where ($range:expr))? $(= $default:literal)?
            ),* $(,)?
        }
        {
            $({ $( $(#[doc = $part_doc:literal])* $part_vis:vis $part:ident : $part_type:ty ),* $(,)? })?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $( $(#[doc = $field_doc])* $field_vis $field: $type, )*
            $($( $(#[doc = $part_doc])* $part_vis $part: $part_type, )*)?
        }

        impl $crate::Mapping for $name {
            const NAME: &'static str = stringify!($name);
            const DESCRIPTION: &'static [&'static str] = &[$($doc),*];
            const LAYERED: bool = $layered;
            const SHORT: Option<&'static str> = $crate::mapping!(@option $(stringify!($short))?);
            const LINE: bool = !stringify!($($line)?).is_empty();

            #[allow(unused_variables, reason = "most mappings have no other form")]
            fn other_form(types: &mut $crate::Definitions) -> Option<$crate::Schema> {
                $crate::mapping!(@option $($(<$line_type as $crate::FromNode>::schema(types))?)?)
            }

            fn read(fields: &mut $crate::Fields<'_>, report: &mut $crate::Report) -> Option<Self> {
                $( let $field = $crate::mapping!(
                    @read fields report $field $type [$($range)?] [$crate::mapping!(@option $($default)?)]
                ); )*
                $($( let $part = <$part_type as $crate::Mapping>::read(fields, report); )*)?
                Some(Self { $( $field: $field?, )* $($( $part: $part?, )*)? })
            }

            fn properties(properties: &mut $crate::Properties, types: &mut $crate::Definitions) {
                $( properties.add::<$type>(
                    stringify!($field),
                    &[$($field_doc),*],
                    $crate::mapping!(@option $($default)?),
                    $crate::mapping!(@range $($range)?),
                    types,
                ); )*
                $($( <$part_type as $crate::Mapping>::properties(properties, types); )*)?
            }
        }

        impl $crate::FromNode for $name {
            fn from_node(node: &$crate::Node, report: &mut $crate::Report) -> Option<Self> {
                $crate::mapping!(@from_node node report $($line)?)
            }

            fn schema(types: &mut $crate::Definitions) -> $crate::Schema {
                types.mapping::<Self>()
            }
        }
    };
    (@layers $name:ident {
        $( $(#[doc = $doc:literal])* $vis:vis $field:ident : $type:ty $(where ($range:expr))? $(= $default:literal)? ),* $(,)?
    }) => {
        impl $name {
            /// This layer, with what it does not say taken from the one below.
            #[must_use]
            pub fn over(self, below: &Self) -> Self {
                Self { $( $field: self.$field.or_else(|| below.$field.clone()), )* }
            }

            /// A layer that says nothing.
            pub fn empty() -> Self {
                Self { $( $field: None, )* }
            }

            /// The lowest layer: the defaults.
            pub fn built_in() -> Self {
                $crate::built_in().unwrap_or_else(Self::empty)
            }
        }
    };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
    (@range) => { None };
    (@range $range:expr) => { Some(((*$range.start()).into(), (*$range.end()).into())) };
    (@read $fields:ident $report:ident $field:ident $type:ty [] [$default:expr]) => {
        $fields.read::<$type>(stringify!($field), $default, Self::LAYERED, $report)
    };
    (@read $fields:ident $report:ident $field:ident $type:ty [$range:expr] [$default:expr]) => {
        $fields.read_within::<$type>(stringify!($field), &$range, $default, Self::LAYERED, $report)
    };
    (@from_node $node:ident $report:ident) => { $crate::read_mapping($node, $report) };
    (@from_node $node:ident $report:ident $line:ident) => { $crate::read_mapping_or_line($node, $report, $line) };
}

/// Defines an enum whose variants are written as words.
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name {
            $( $(#[doc = $variant_doc])* $variant, )*
        }

        impl $name {
            /// Every word's meaning.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::FromNode for $name {
            fn from_node(node: &$crate::Node, report: &mut $crate::Report) -> Option<Self> {
                $crate::read_word(node, &[$($word),*], report).and_then(|index| Self::ALL.get(index).copied())
            }

            fn schema(_: &mut $crate::Definitions) -> $crate::Schema {
                $crate::word_schema(&[$(($word, &[$($variant_doc),*])),*], &[$($doc),*])
            }
        }
    };
}

/// Makes types that are [`crate::Written`] readable.
#[macro_export]
macro_rules! written {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::FromNode for $type {
            fn from_node(node: &$crate::Node, report: &mut $crate::Report) -> Option<Self> {
                $crate::read_written(node, report)
            }

            fn schema(_: &mut $crate::Definitions) -> $crate::Schema {
                <Self as $crate::Written>::text_schema()
            }
        }
    )*};
}

#[cfg(test)]
#[path = "macros_tests.rs"]
mod tests;
