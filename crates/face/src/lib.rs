//! Finds a face in a picture: detection, landmarks, blendshapes and head pose
