from videoclip import FeatureKind
