from torch.utils.data import DataLoader

from videoclip import CorpusDataset

for videos in DataLoader(CorpusDataset("my.lance"), batch_size=2):  # shuffle=True, num_workers=2, …
    print([video.id for video in videos])  # ['chisel', 'onion']
