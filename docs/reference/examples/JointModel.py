from videoclip import JointModel
