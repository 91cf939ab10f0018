# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page of kvs-local in a headless Chromium: it plays what kvssink uploads, live and from the
archive, and shows gaps, acknowledgements and errors."""

import json
import os
import time
import unittest

import kvslocal
import mkvwriter as mkv
import support
from chromium import Chromium, program
from kvslocal import HttpError, KvsLocal
from kvslocal_case import require_kvs_local

# Pictures that stop for want of time would be taken for a fault
ALONE = True

HLS_JS = os.path.join(os.path.dirname(kvslocal.program()), "hls.min.js")
# Where the archive's two parts begin, in s; each lasts PART_SECONDS and has a colour of its own
PARTS = (("red", 0), ("blue", 90))
PART_SECONDS = 30
LIVE_SECONDS = 8
# What a machine that is busy with something else may take from it
MAX_WAITED_SECONDS = 2 * support.SLOWNESS

MARKUP = "<img src=x onerror=alert(1)>"

# Of the picture that is shown: mean of each colour, and the darkest and brightest value of all
PIXELS = """(() => {
  const video = document.querySelector(%s), canvas = document.createElement("canvas");
  canvas.width = 64; canvas.height = 48;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 64, 48);
  const data = context.getImageData(0, 0, 64, 48).data;
  const sums = [0, 0, 0];
  let low = 255, high = 0;
  for (let i = 0; i < data.length; i += 4) for (let j = 0; j < 3; j++) {
    sums[j] += data[i + j]; low = Math.min(low, data[i + j]); high = Math.max(high, data[i + j]);
  }
  let hash = 0;
  for (const byte of data) hash = (hash * 31 + byte) | 0;
  return {mean: sums.map((sum) => sum / (64 * 48)), low, high, hash};
})()"""

# How long the player had to wait for media since the first picture
WATCH = """(() => {
  const video = document.querySelector("#player");
  window.waited = 0;
  let since = null;
  video.addEventListener("waiting", () => { since = performance.now(); });
  video.addEventListener("playing", () => {
    if (since !== null) window.waited += (performance.now() - since) / 1000;
    since = null;
  });
})()"""


def setUpModule():
    require_kvs_local()
    program()
    support.built("gst", "libgstkvs.so")
    support.require_elements("x264enc", "videotestsrc")


def upload(kvs, stream, source, sink=""):
    """A running pipeline that uploads test pictures in fragments of one second."""
    return support.pipeline(
        f"videotestsrc {source} ! video/x-raw,format=I420,width=320,height=240,framerate=15/1"
        " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max=15"
        f" ! video/x-h264,profile=baseline ! kvssink stream-name={stream} {sink}",
        stream, env=kvs.env)


class Page(unittest.TestCase):
    ARGS = []
    timeout = 200

    def setUp(self):
        if not os.path.exists(HLS_JS) and not self.ARGS:
            raise unittest.SkipTest("there is no hls.js; examples/kvs-local/get-hls-js gets it")
        self.kvs = KvsLocal(args=self.ARGS)
        self.addCleanup(self.kvs.__exit__)
        self.kvs.start()
        self.browser = Chromium()
        self.addCleanup(self.browser.close)

    def open(self, stream=""):
        self.browser.open(f"{self.kvs.url}/#{stream}")
        self.browser.wait_for("document.readyState === 'complete' && typeof player === 'object'")

    def pixels(self, selector="#player"):
        return self.browser.run(PIXELS % json.dumps(selector))

    def check_errors(self):
        """Nothing went wrong in the page, and its policy stopped nothing."""
        self.assertEqual(self.browser.errors, [])

    def check_live(self, stream):
        upload(self.kvs, stream, "is-live=true pattern=smpte")
        self.open()
        self.browser.wait_for(f"document.querySelector('[data-name={stream}]') !== null", 40)
        self.open(stream)
        self.browser.run(WATCH)
        begin = self.browser.wait_for("document.querySelector('#player').readyState > 2"
                                      " && document.querySelector('#player').currentTime", 40)
        first = self.pixels()
        now = self.browser.wait_for(
            "(t => t > %f && t)(document.querySelector('#player').currentTime)"
            % (begin + LIVE_SECONDS), LIVE_SECONDS * 4)
        self.assertGreater(now, begin)
        self.assertLess(self.browser.run("window.waited"), MAX_WAITED_SECONDS)
        last = self.pixels()
        for shown in (first, last):
            self.assertGreater(shown["high"] - shown["low"], 200, "black, or of one colour")
            # bars of white, yellow, cyan, green, magenta, red and blue
            self.assertGreater(min(shown["mean"]), 60)
        # part of the picture is noise
        self.assertNotEqual(first["hash"], last["hash"])
        self.assertEqual(self.browser.run("$('state').textContent"), "live")


class WithHlsJs(Page):
    def test_live(self):
        self.check_live("live")
        shown = self.browser.run("player.shown")
        self.assertLess(abs(time.time() * 1000 - shown), 60000 * support.SLOWNESS)
        self.assertRegex(self.browser.run("$('rate').textContent"), "^[1-9][0-9.]* [kM]bit/s$")
        self.assertGreater(self.browser.run("document.querySelectorAll('#rates rect').length"), 50)
        # the card in the list of all streams plays too
        self.open()
        self.browser.wait_for("(v => v && v.currentTime > 1)("
                              "document.querySelector('[data-name=live] video'))", 40)
        card = self.pixels("[data-name=live] video")
        self.assertGreater(card["high"] - card["low"], 200)
        self.check_errors()

    def fill_archive(self):
        base = int(time.time()) // 10 * 10 - 600
        for colour, offset in PARTS:
            sender = upload(
                self.kvs, "archive", f"num-buffers={15 * PART_SECONDS} pattern={colour}",
                f"streaming-type=offline file-start-time={base + offset}")
            self.assertEqual(sender.wait(60), 0, sender.output)
        return base * 1000

    def check_colour(self, index):
        """red: 0, blue: 2"""
        self.browser.wait_for("!$('player').seeking && $('player').readyState > 1")
        mean = self.pixels()["mean"]
        self.assertGreater(mean[index], 150, mean)
        self.assertLess(mean[2 - index], 80, mean)

    def seek(self, seconds):
        self.browser.run(f"$('player').pause(); $('player').currentTime = {seconds};")

    def test_archive(self):
        base = self.fill_archive()
        self.open("archive")
        gap = (base + PART_SECONDS * 1000, base + PARTS[1][1] * 1000)
        self.check_gap(*gap)
        # the whole of it: what was not recorded takes no time
        self.play_range(base - 5000, base + 150000)
        self.browser.wait_for("$('player').duration > 50")
        self.assertAlmostEqual(self.browser.run("$('player').duration"), 2 * PART_SECONDS, delta=1)
        for second, colour in ((5, 0), (50, 2), (20, 0), (35, 2), (1, 0)):
            self.seek(second)
            self.check_colour(colour)
        # times are those of the recording, on both sides of the gap
        self.seek(10)
        self.browser.wait_for(f"Math.abs(player.shown - {base + 10000}) < 500")
        self.seek(40)
        self.browser.wait_for(f"Math.abs(player.shown - {base + PARTS[1][1] * 1000 + 10000}) < 500")
        self.play_with_the_mouse(base, gap)
        self.check_errors()

    def check_gap(self, begin, end):
        """It is where it was in time, as a drawing and as text."""
        self.browser.wait_for("document.querySelectorAll('#timeline .span').length === 2")
        found = self.browser.run("""(() => {
          const [from, to] = view();
          const at = (x) => from + (to - from) * x / 1000;
          return [...document.querySelectorAll("#timeline .gap")].map((rect) => [
            at(rect.x.baseVal.value), at(rect.x.baseVal.value + rect.width.baseVal.value)]);
        })()""")
        self.assertEqual(len(found), 1)
        self.assertAlmostEqual(found[0][0], begin, delta=1000)
        self.assertAlmostEqual(found[0][1], end, delta=1000)
        self.assertEqual(self.browser.run("$('gaps-title').textContent"), "1 gap in this time:")
        self.assertRegex(self.browser.run("$('gaps').textContent"), r"\(1 min \d s\)")

    def play_range(self, begin, end):
        self.browser.run(f"$('from').value = toInput({begin}); $('to').value = toInput({end});")
        self.browser.click("#range button")
        self.browser.wait_for("player.isPlaying && $('player').readyState > 1", 30)

    def moment_on_screen(self, ms):
        self.browser.run("$('timeline').scrollIntoView({block: 'center'})")
        return self.browser.run(f"""(() => {{
          const box = $("timeline").getBoundingClientRect();
          const [from, to] = view();
          return [box.x + box.width * ({ms} - from) / (to - from), box.y + box.height / 2];
        }})()""")

    def play_with_the_mouse(self, base, gap):
        self.browser.drag(self.moment_on_screen(base + 5000), self.moment_on_screen(base + 15000))
        self.browser.wait_for("$('player').duration > 8 && $('player').duration < 13", 30)
        self.check_colour(0)
        # in the gap: from the next fragment on
        middle = self.moment_on_screen((gap[0] + gap[1]) / 2)
        self.browser.drag(middle, middle)
        self.browser.wait_for("$('player').duration > 28 && $('player').duration < 32", 30)
        self.check_colour(2)
        self.assertEqual(self.browser.run("$('go-live').getAttribute('aria-pressed')"), "false")

    def test_acks_and_errors(self):
        control = self.kvs.client()
        self.addCleanup(control.close)
        control.create_stream(StreamName="acks", DataRetentionInHours=1,
                              Tags={"site": "north gate"})
        with self.kvs.put_media("acks") as connection:
            acks = connection.send_all(mkv.header() + mkv.cluster(2000) + mkv.cluster(1000))
        with self.assertRaises(HttpError):
            self.kvs.put_media("nowhere").accepted()
        self.open("acks")
        self.browser.wait_for("document.querySelectorAll('#acks tr').length > 3")
        rows = self.browser.run("[...document.querySelectorAll('#acks tr')].map((row) =>"
                                " [...row.cells].map((cell) => cell.textContent))")
        self.assertEqual([row[2:] for row in rows],
                         [[str(ack["FragmentTimecode"]), ack["FragmentNumber"]]
                          for ack in reversed(acks)])
        self.assertEqual([row[1] for row in rows], [
            "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS", "BUFFERING", "PERSISTED", "RECEIVED",
            "BUFFERING"])
        self.assertEqual(
            self.browser.run("[...document.querySelectorAll('#errors tr')].map((row) =>"
                             " row.cells[1].textContent)"),
            ["4004 FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS"])
        self.assertIn("north gate", self.browser.run("$('properties').textContent"))
        self.open()
        self.browser.wait_for("$('refusals').textContent.includes('ResourceNotFoundException')")

    def test_texts_are_no_markup(self):
        connection = self.kvs.put_media("nowhere", path="/<script>alert(2)</script>",
                                        target="/%3Cscript%3Ealert(2)%3C/script%3E")
        self.addCleanup(connection.close)
        with self.assertRaises(HttpError):
            connection.send_raw(b"0\r\n\r\n")
            connection.accepted()
        self.open()
        self.browser.wait_for("$('refusals').textContent.includes('script')")
        self.assertEqual(self.browser.run("document.querySelectorAll('#refusals script').length"), 0)
        # names of streams are what the service allows; the address bar holds anything
        self.browser.open(f"{self.kvs.url}/#" + MARKUP.replace(" ", "%20"))
        self.browser.wait_for("!$('contact').hidden")
        self.assertEqual(self.browser.run("document.querySelectorAll('img').length"), 0)

    def test_what_is_not_there(self):
        control = self.kvs.client()
        self.addCleanup(control.close)
        arn = control.create_stream(StreamName="empty")["StreamARN"]
        self.open("empty")
        self.browser.wait_for("$('note').textContent === 'no media yet'")
        self.open()
        self.browser.wait_for("document.querySelector('[data-name=empty]') !== null")
        control.delete_stream(StreamARN=arn)
        self.browser.wait_for("document.querySelector('[data-name=empty]') === null")
        self.check_errors()
        self.open("never-made")
        self.browser.wait_for("$('contact').textContent.includes('not found')")


class WithoutHlsJs(Page):
    """As browsers do that play HLS themselves."""

    ARGS = ["--hls-js", "/nonexistent"]

    def test_live(self):
        self.open()
        if not self.browser.run("$('player').canPlayType('application/vnd.apple.mpegurl')"):
            self.skipTest("this Chromium plays no HLS by itself")
        self.check_live("live")


if __name__ == "__main__":
    unittest.main()
