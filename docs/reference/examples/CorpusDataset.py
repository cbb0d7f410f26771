from videoclip import CorpusDataset
