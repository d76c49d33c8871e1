//! The 52 ARKit blendshapes.
//!
//! Source: Apple, `ARFaceAnchor.BlendShapeLocation`. Left and right are the subject's own.

macro_rules! shapes {
    ($($variant:ident $name:literal,)*) => {
        /// One of the 52 ARKit blendshapes, in the order of Live Link Face files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Shape { $($variant,)* }

        impl Shape {
            /// How many shapes there are.
            pub const COUNT: usize = Self::ALL.len();
            /// Every shape, in index order.
            pub const ALL: [Shape; [$($name),*].len()] = [$(Shape::$variant),*];

            /// ARKit's own camelCase name, e.g. `jawOpen`.
            pub const fn name(self) -> &'static str {
                match self { $(Shape::$variant => $name,)* }
            }
        }
    };
}

shapes! {
    EyeBlinkLeft "eyeBlinkLeft",
    EyeLookDownLeft "eyeLookDownLeft",
    EyeLookInLeft "eyeLookInLeft",
    EyeLookOutLeft "eyeLookOutLeft",
    EyeLookUpLeft "eyeLookUpLeft",
    EyeSquintLeft "eyeSquintLeft",
    EyeWideLeft "eyeWideLeft",
    EyeBlinkRight "eyeBlinkRight",
    EyeLookDownRight "eyeLookDownRight",
    EyeLookInRight "eyeLookInRight",
    EyeLookOutRight "eyeLookOutRight",
    EyeLookUpRight "eyeLookUpRight",
    EyeSquintRight "eyeSquintRight",
    EyeWideRight "eyeWideRight",
    JawForward "jawForward",
    JawRight "jawRight",
    JawLeft "jawLeft",
    JawOpen "jawOpen",
    MouthClose "mouthClose",
    MouthFunnel "mouthFunnel",
    MouthPucker "mouthPucker",
    MouthRight "mouthRight",
    MouthLeft "mouthLeft",
    MouthSmileLeft "mouthSmileLeft",
    MouthSmileRight "mouthSmileRight",
    MouthFrownLeft "mouthFrownLeft",
    MouthFrownRight "mouthFrownRight",
    MouthDimpleLeft "mouthDimpleLeft",
    MouthDimpleRight "mouthDimpleRight",
    MouthStretchLeft "mouthStretchLeft",
    MouthStretchRight "mouthStretchRight",
    MouthRollLower "mouthRollLower",
    MouthRollUpper "mouthRollUpper",
    MouthShrugLower "mouthShrugLower",
    MouthShrugUpper "mouthShrugUpper",
    MouthPressLeft "mouthPressLeft",
    MouthPressRight "mouthPressRight",
    MouthLowerDownLeft "mouthLowerDownLeft",
    MouthLowerDownRight "mouthLowerDownRight",
    MouthUpperUpLeft "mouthUpperUpLeft",
    MouthUpperUpRight "mouthUpperUpRight",
    BrowDownLeft "browDownLeft",
    BrowDownRight "browDownRight",
    BrowInnerUp "browInnerUp",
    BrowOuterUpLeft "browOuterUpLeft",
    BrowOuterUpRight "browOuterUpRight",
    CheekPuff "cheekPuff",
    CheekSquintLeft "cheekSquintLeft",
    CheekSquintRight "cheekSquintRight",
    NoseSneerLeft "noseSneerLeft",
    NoseSneerRight "noseSneerRight",
    TongueOut "tongueOut",
}

impl Shape {
    /// Index in `0..Shape::COUNT`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The shape called `name`, in any casing (`jawOpen`, `JawOpen`).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name().eq_ignore_ascii_case(name))
    }

    /// The same shape on the other side of the face; itself where there is none.
    pub fn mirrored(self) -> Self {
        let name = self.name();
        let other = if let Some(stem) = name.strip_suffix("Left") {
            format!("{stem}Right")
        } else if let Some(stem) = name.strip_suffix("Right") {
            format!("{stem}Left")
        } else {
            return self;
        };
        Self::from_name(&other).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_shapes_in_any_casing() {
        assert_eq!(Shape::COUNT, 52);
        for (index, shape) in Shape::ALL.into_iter().enumerate() {
            assert_eq!(shape.index(), index);
            assert_eq!(Shape::from_name(shape.name()), Some(shape));
            assert_eq!(Shape::from_name(&shape.name().to_uppercase()), Some(shape));
        }
        assert_eq!(Shape::from_name("jaw"), None);
    }

    #[test]
    fn mirroring_twice_is_the_identity() {
        for shape in Shape::ALL {
            assert_eq!(shape.mirrored().mirrored(), shape);
        }
        assert_eq!(Shape::JawLeft.mirrored(), Shape::JawRight);
        assert_eq!(Shape::JawOpen.mirrored(), Shape::JawOpen);
    }
}
