from videoclip import Query
