"""What a GPU's decoder gives becomes the seconds that the CPU gives; here another decoder stands in its place."""

import ctypes
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made import write, write_audio_only
from software import Software, planes_of
from test_odd_videos import woven

from videoclip.encoders.encoder import CombinedEncoder, Encoder
from videoclip.encoders.s3d import S3D
from videoclip.errors import ConfigError, MediaError
from videoclip.media import nvdec, video
from videoclip.media.nvdec import Irregular, decoded_seconds
from videoclip.media.video import seconds_of

SAMPLES = {  # and how many seconds the stand-in gives of each: none of those that are not decoded by GPUs
    "av1_video.mkv": 5, "coffee.mp4": 10, "corrupted.mp4": 2, "flipping_a_pancake.mkv": 11, "friday.mp4": 7,
    "h265_10bits.mp4": 0, "nasa_13013.mp4": 13, "nasa_13013_rotated.mp4": 1, "test_non_zero_start.mp4": 1,
    "testsrc2_mpeg4.avi": 1, "testsrc2_odd_height_and_width_444.mp4": 0, "testsrc2_vp9.webm": 1, "unordered.mov": 1,
    "video_0.mov": 1, "video_90.mov": 1,
}  # fmt: skip


@pytest.fixture
def gpu(monkeypatch):
    """A machine that seems to have a GPU."""
    monkeypatch.setattr(nvdec, "missing", lambda: "")
    monkeypatch.setattr(nvdec, "Nvdec", Software)
    monkeypatch.setattr(video, "_told", threading.Event())


@pytest.fixture(scope="module")
def network() -> S3D:
    """A small one that nobody trained, which keeps what it sees apart: with PyTorch's weights all is alike to it."""
    torch.manual_seed(0)
    net = S3D(64, width=0.25).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv3d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm3d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return net


@torch.inference_mode()
def features(network: S3D, seconds: list[np.ndarray]) -> torch.Tensor:
    """(seconds, F) of seconds of an even number of frames, less the feature of a grey one."""
    grey = np.full_like(seconds[0], 128)
    pixels = [torch.from_numpy(second).permute(3, 0, 1, 2)[None].float() / 255 for second in (grey, *seconds)]
    of_grey, *of_each = [network(one) for one in pixels]
    return torch.cat(of_each) - of_grey


def by_gpu(path, fps: int = 30, size: int = 32, squeezed: bool = False) -> list[np.ndarray]:
    return list(decoded_seconds(path, fps, size, squeezed, Software))


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray], off: float = 1.5) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        apart = np.abs(one.astype(float) - other).mean((1, 2, 3))
        assert apart.max() < off, f"picture {apart.argmax()} of a second"


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("squeezed", [False, True])
def test_real_files_are_the_same_to_a_network(samples, gpu, network, name, squeezed, monkeypatch):
    given = 0

    def counted(*arguments):
        nonlocal given
        for second in decoded_seconds(*arguments, Software):
            yield second
            given += 1

    monkeypatch.setattr(nvdec, "decoded_seconds", counted)
    ours = list(seconds_of(samples / name, 16, 64, lambda _: None, squeezed, decode="gpu"))
    theirs = list(seconds_of(samples / name, 16, 64, lambda _: None, squeezed))
    assert given == SAMPLES[name]
    assert_same(ours, theirs)
    cosines = torch.cosine_similarity(features(network, ours), features(network, theirs))
    assert cosines.min() >= 0.999


def test_the_network_keeps_videos_apart(samples, network):
    first, second = (features(network, list(seconds_of(samples / n, 16, 64))[:1]) for n in ("coffee.mp4", "friday.mp4"))
    assert torch.cosine_similarity(first, second).item() < 0.95


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".mp4", "libx264", {"bf": "3", "g": "12"}),
        (".mkv", "libx264", {"bf": "2", "g": "9", "x264-params": "open-gop=1"}),
        (".ts", "libx264", {"bf": "2"}),
        (".mp4", "libx265", {"x265-params": "bframes=3:log-level=none"}),
        (".mkv", "libx265", {"x265-params": "bframes=2:log-level=none"}),
        (".avi", "mpeg4", {}),
        (".mp4", "mpeg4", {"bf": "2"}),
        (".mpg", "mpeg2video", {}),
        (".ts", "mpeg2video", {"bf": "2"}),
        (".mkv", "mpeg2video", {}),
        (".webm", "libvpx", {}),
        (".webm", "libvpx-vp9", {}),
    ],
)
@pytest.mark.parametrize(("fps", "rate"), [(30, 30), (25, 7), (24, 60), (30, 16)])
def test_every_codec_container_and_rate_gives_the_same_seconds(tmp_path, suffix, codec, options, fps, rate):
    path = write(tmp_path / f"a{suffix}", [5 * (i % 50) for i in range(2 * fps + 11)], fps, codec=codec, **options)
    assert_same(by_gpu(path, rate), list(seconds_of(path, rate, 32)))


@pytest.mark.parametrize("seed", range(12))
def test_frames_at_any_times_fill_the_same_places(tmp_path, seed):
    """Variable rates, late starts, long pauses, and ends inside a second."""
    random = np.random.default_rng(seed)
    steps = random.integers(1, 120 if seed % 2 else 8, 40)
    times = (int(random.integers(0, 200)) + np.cumsum(steps)).tolist()
    grey = random.integers(0, 250, 40).tolist()
    suffix, codec = ((".mp4", "libx264"), (".mkv", "libx264"), (".mp4", "mpeg4"))[seed % 3]
    path = write(tmp_path / f"a{suffix}", grey, 90, times=times, codec=codec)
    for rate in (3, 16, 30):
        assert_same(by_gpu(path, rate), list(seconds_of(path, rate, 32)))


def test_a_file_that_begins_late_counts_from_its_containers_start(tmp_path):
    path = write(tmp_path / "late.mkv", [10 * i for i in range(25)], 25, times=list(range(40, 65)), codec="libx264")
    assert_same(by_gpu(path, 10), list(seconds_of(path, 10, 32)))


def test_whole_frames_are_squeezed_into_the_square(tmp_path):
    path = write(tmp_path / "a.mp4", [100, 200] * 20, size=(320, 64), codec="libx264")
    assert_same(by_gpu(path, squeezed=True), list(seconds_of(path, 30, 32, squeezed=True)))


def two_sizes(path):
    """Three seconds of one size, and two of another, in one stream."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(125):
            if i in (0, 80):
                encoder = av.CodecContext.create("mpeg4", "w")
                encoder.width, encoder.height = (64, 48) if i < 80 else (96, 64)
                encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
            frame = av.VideoFrame.from_ndarray(np.full((encoder.height, encoder.width, 3), 2 * i, np.uint8), "rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            for packet in encoder.encode(frame.reformat(format="yuv420p")):
                packet.pts = packet.dts = i
                packet.time_base, packet.stream = Fraction(1, 25), stream
                container.mux(packet)
    return path


def test_what_fails_in_mid_file_goes_on_on_the_cpu_without_loss_or_repetition(tmp_path, gpu):
    path = two_sizes(tmp_path / "sizes.avi")
    seconds = decoded_seconds(path, 10, 32, False, Software)
    given = [next(seconds) for _ in range(3)]
    with pytest.raises(Irregular, match="change their size"):
        next(seconds)
    assert_same(given, list(seconds_of(path, 10, 32))[:3])
    assert_same(list(seconds_of(path, 10, 32, decode="auto")), list(seconds_of(path, 10, 32)))


def test_nothing_is_taken_from_a_decoder_that_gives_something_else(tmp_path, gpu, monkeypatch):
    class Other(Software):
        def decode(self, packet):
            return [replace(frame, luma=frame.luma.roll(20, 1)) for frame in super().decode(packet)]

    monkeypatch.setattr(nvdec, "Nvdec", Other)
    path = write_halves(tmp_path / "a.mp4")
    with pytest.raises(Irregular, match="the first frame is another one than the CPU's"):
        next(decoded_seconds(path, 10, 32, False, Other))
    assert_same(list(seconds_of(path, 10, 32, decode="auto")), list(seconds_of(path, 10, 32)))


def write_halves(path):
    """Two seconds, dark on the left and bright on the right."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.full((48, 64, 3), 30, np.uint8)
        picture[:, 32:] = 220
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("last", [0, 1, 40, 74])
def test_a_decoder_that_stops_anywhere_leaves_no_gap(tmp_path, gpu, monkeypatch, last):
    class Failing(Software):
        frames = 0

        def decode(self, packet):
            made = super().decode(packet)
            self.frames += len(made)
            if self.frames > last:
                raise Irregular("the GPU's decoder failed")
            return made

    monkeypatch.setattr(nvdec, "Nvdec", Failing)
    path = write(tmp_path / "a.mp4", [3 * i for i in range(75)], 25, codec="libx264")
    assert_same(list(seconds_of(path, 10, 32, decode="auto")), list(seconds_of(path, 10, 32)))


@pytest.mark.parametrize("lost", [0, 1, 37, 74])
def test_a_frame_that_the_decoder_loses_is_noticed(tmp_path, lost):
    class Losing(Software):
        frames = 0

        def decode(self, packet):
            made = super().decode(packet)
            numbers = range(self.frames, self.frames + len(made))
            self.frames += len(made)
            return [frame for number, frame in zip(numbers, made, strict=True) if number != lost]

    path = write(tmp_path / "a.mp4", [3 * i for i in range(75)], 25, codec="libx264")
    with pytest.raises(Irregular, match="frames are missing"):
        list(decoded_seconds(path, 10, 32, False, Losing))


def test_woven_fields_odd_sizes_and_rare_codecs_are_left_to_the_cpu(tmp_path):
    files = {
        "fields are woven": woven(tmp_path / "woven.mpg"),
        "of 65×49 pixels": write(tmp_path / "odd.mp4", [9] * 9, size=(65, 49), codec="mpeg4"),
        "the codec is ffv1": write(tmp_path / "rare.mkv", [9] * 9, codec="ffv1"),
    }
    for why, path in files.items():
        with pytest.raises(Irregular, match=why):
            by_gpu(path)


def test_what_is_no_video_is_the_same_error(tmp_path, gpu):
    (tmp_path / "text.mp4").write_text("no video")
    for path in (tmp_path / "text.mp4", tmp_path / "none.mp4", write_audio_only(tmp_path / "sound.mp4")):
        with pytest.raises(MediaError) as ours:
            list(seconds_of(path, 10, 32, decode="auto"))
        with pytest.raises(MediaError) as theirs:
            list(seconds_of(path, 10, 32))
        assert str(ours.value) == str(theirs.value)


def test_files_that_the_gpu_cannot_decode_are_named_once(tmp_path, gpu):
    said: list[str] = []
    for name in ("a.mkv", "b.mkv"):
        path = write(tmp_path / name, [9] * 30, codec="ffv1")
        assert len(list(seconds_of(path, 10, 32, said.append, decode="auto"))) == 1
        assert not said
    for name in ("a.mkv", "b.mkv"):
        assert len(list(seconds_of(tmp_path / name, 10, 32, said.append, decode="gpu"))) == 1
    (only,) = said
    assert "a.mkv: the codec is ffv1; the CPU decodes it" in only


def test_whoever_looks_at_frames_has_them_from_the_cpu(tmp_path, gpu, monkeypatch):
    monkeypatch.setattr(nvdec, "decoded_seconds", lambda *_: pytest.fail("the GPU was asked"))
    path = write(tmp_path / "a.mp4", [50] * 30, codec="libx264")
    seen: list[float] = []
    assert len(list(seconds_of(path, 10, 32, look=lambda *_: seen.append(1), decode="auto"))) == 1
    assert len(seen) == 30


def test_without_a_gpu_it_is_said_what_is_missing(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", [50] * 30)
    monkeypatch.setattr(nvdec, "device_of", lambda: torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"--decode gpu: there is no NVIDIA GPU .*; choose --decode cpu or auto"):
        list(seconds_of(path, 10, 32, decode="gpu"))
    assert len(list(seconds_of(path, 10, 32, decode="auto"))) == 1
    monkeypatch.setattr(nvdec, "device_of", lambda: torch.device("cuda"))
    monkeypatch.setitem(sys.modules, "PyNvVideoCodec", None)
    nvdec._missing_package.cache_clear()
    with pytest.raises(ConfigError, match=r"--decode gpu: PyNvVideoCodec is not installed: pip install .*\[gpu\]"):
        list(seconds_of(path, 10, 32, decode="gpu"))
    assert len(list(seconds_of(path, 10, 32, decode="auto"))) == 1
    nvdec._missing_package.cache_clear()
    with pytest.raises(ConfigError, match="--decode tpu: choose auto, cpu or gpu"):
        list(seconds_of(path, 10, 32, decode="tpu"))


class Binding:
    """As much of PyNvVideoCodec 2.2 as is used, with its names, decoding by the CPU what lies at an address."""

    class PyNvVCException(Exception):
        pass

    class PyNvVCExceptionUnsupported(Exception):
        pass

    class PacketData:
        def __init__(self) -> None:
            self.bsl = self.bsl_data = self.pts = 0

    cudaVideoCodec = SimpleNamespace(
        H264="h264", HEVC="hevc", MPEG2="mpeg2video", MPEG4="mpeg4", VP8="vp8", VP9="vp9", AV1="av1"
    )
    Pixel_Format = SimpleNamespace(NV12="NV12", P016="P016")

    def __init__(self, widest: int = 4096, format: str = "NV12", fails_at: int = 10**6):
        self.widest, self.format, self.fails_at = widest, format, fails_at

    def GetDecoderCaps(self, gpuid: int, codec: str) -> dict[str, int]:
        return {"width_min": 16, "width_max": self.widest, "height_min": 16, "height_max": 4096}

    def CreateDecoder(self, *, gpuid, codec, cudacontext, cudastream, usedevicememory):
        assert (gpuid, cudacontext, cudastream, usedevicememory) == (0, 1234, 5678, True)
        import av

        self.decoder = av.CodecContext.create(codec, "r")
        return self

    def Decode(self, data) -> list:
        import av

        self.fails_at -= 1
        if self.fails_at < 0:
            raise self.PyNvVCException("HW decoder failed\nat line 1")
        packet = None
        if data.bsl:
            packet = av.Packet(ctypes.string_at(data.bsl_data, data.bsl))
            packet.pts = data.pts
        frames = [(frame.pts, planes_of(frame)) for frame in self.decoder.decode(packet)]
        return [
            SimpleNamespace(format=self.format, timestamp=pts, cuda=lambda f=(luma[..., None], chroma): list(f))
            for pts, (luma, chroma) in frames
        ]


@pytest.fixture
def bound(monkeypatch):
    """Have a binding of ours in the place of PyNvVideoCodec, and nothing of CUDA asked."""

    def bind(binding: Binding) -> None:
        monkeypatch.setitem(sys.modules, "PyNvVideoCodec", binding)
        monkeypatch.setattr(nvdec, "device_of", lambda: torch.device("cpu"))
        monkeypatch.setattr(nvdec, "_context", lambda gpu: 1234)
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: SimpleNamespace(cuda_stream=5678))
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())

    return bind


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx265"), (".mp4", "mpeg4")])
def test_packets_and_frames_pass_through_the_binding(tmp_path, bound, suffix, codec):
    bound(Binding())
    path = write(tmp_path / f"a{suffix}", [5 * (i % 50) for i in range(70)], codec=codec)
    assert_same(list(decoded_seconds(path, 10, 32, False)), list(seconds_of(path, 10, 32)))


def test_what_the_binding_cannot_do_is_left_to_the_cpu(tmp_path, bound):
    path = write(tmp_path / "a.mp4", [9] * 60, codec="libx264")
    for binding, why in (
        (Binding(widest=32), "this GPU does not decode h264 of 64×48 pixels"),
        (Binding(format="P016"), "the GPU's decoder gives no NV12"),
        (Binding(fails_at=40), r"the GPU's decoder failed \(HW decoder failed\)"),
    ):
        bound(binding)
        with pytest.raises(Irregular, match=why):
            list(decoded_seconds(path, 10, 32, False))


@pytest.mark.skipif(bool(nvdec.missing()), reason="needs a GPU, and PyNvVideoCodec")
@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video", "libvpx-vp9"])
@pytest.mark.parametrize("rate", [7, 30])
def test_a_gpu_gives_the_same_seconds(tmp_path, codec, rate):
    options = {"bf": "2"} if codec == "libx264" else {}
    path = write(tmp_path / "a.mkv", [5 * (i % 50) for i in range(90)], 25, (320, 240), codec, **options)
    assert_same(list(decoded_seconds(path, rate, 64, False)), list(seconds_of(path, rate, 64)))


@pytest.mark.skipif(bool(nvdec.missing()), reason="needs a GPU, and PyNvVideoCodec")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_gpu_sees_real_files_as_the_cpu_does(samples, network, name):
    ours, theirs = (list(seconds_of(samples / name, 16, 64, lambda _: None, decode=d)) for d in ("gpu", "cpu"))
    assert_same(ours, theirs)
    assert torch.cosine_similarity(features(network, ours), features(network, theirs)).min() >= 0.999


def test_more_files_than_are_decoded_at_once_wait_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(nvdec, "_sessions", threading.BoundedSemaphore(1))
    path = write(tmp_path / "a.mp4", [9] * 60, codec="libx264")
    first = decoded_seconds(path, 10, 32, False, Software)
    next(first)
    others: list[int] = []
    thread = threading.Thread(target=lambda: others.append(len(by_gpu(path))))
    thread.start()
    thread.join(0.3)
    assert not others
    first.close()
    thread.join(30)
    assert others == [2]


def test_extract_says_once_what_the_cpu_decodes_and_refuses_without_a_gpu(tmp_path, videoclip, gpu, monkeypatch):
    (tmp_path / "videos").mkdir()
    for name, codec in (("a.mkv", "ffv1"), ("b.mkv", "ffv1"), ("c.mp4", "libx264")):
        write(tmp_path / "videos" / name, [90] * 60, codec=codec)
    command = ["extract", tmp_path / "videos", "--out", tmp_path / "c.lance", "--encoder", "demo", "--allow-silent"]
    code, out, complained = videoclip(*command, "--decode", "gpu")
    assert (code, complained.count("the CPU decodes it")) == (0, 1), complained
    assert "3 videos added" in out
    monkeypatch.setattr(nvdec, "missing", lambda: "there is none")
    code, _, complained = videoclip(*command, "--decode", "gpu")
    assert code == 2
    assert "--decode gpu: there is none" in complained
    code, _, complained = videoclip(*command, "--decode", "tpu")
    assert (code, "choose auto, cpu or gpu" in complained) == (2, True)


def means(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float().mean((1, 2, 3))


def test_an_encoder_has_its_files_decoded_as_it_is_told(tmp_path, gpu, monkeypatch):
    import pickle

    asked: list[str] = []

    def watched(*arguments):
        asked.append(str(arguments[0]))
        return decoded_seconds(*arguments, Software)

    monkeypatch.setattr(nvdec, "decoded_seconds", watched)
    path = write(tmp_path / "a.mp4", [50, 100] * 30, codec="libx264")
    encoder = Encoder("means", 3, 10, 32, means, normalized=False)
    by_default = encoder.encode_file(path)
    assert len(asked) == 1
    by_cpu = CombinedEncoder((encoder,)).decoding_by("cpu").encode_file(path)
    assert len(asked) == 1
    assert np.abs(by_default.astype(float) - by_cpu).max() < 1.0
    for decode in ("auto", "cpu", "gpu"):
        assert pickle.loads(pickle.dumps(encoder.decoding_by(decode))).decode == decode
    monkeypatch.setattr(nvdec, "missing", lambda: "there is none")
    with pytest.raises(ConfigError, match="--decode gpu: there is none"):
        encoder.decoding_by("gpu")


def test_a_loaded_encoder_is_decoded_for_in_the_same_way_in_another_process_and_on_another_device():
    import pickle

    from videoclip.encoders.load import load_encoder

    demo = load_encoder("demo").decoding_by("cpu")
    assert pickle.loads(pickle.dumps(demo)).decode == "cpu"
    assert demo.to("cpu").decode == "cpu"
