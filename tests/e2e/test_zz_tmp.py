import unittest, support, time, os
class Tmp(unittest.TestCase):
    timeout = 20
    def run_it(self, env):
        c = support.pipeline("kvsfakebin", env=env)
        return (c.wait(20), c.output)
    def test_load(self):
        s, o = self.run_it({})
        self.assertNotIn("Sanitizer", o)
        self.assertIn("Setting pipeline to", o)
    def test_uaf(self):
        s, o = self.run_it({"FP_UAF":"1"})
        self.assertIn("heap-use-after-free", o)
    def test_leak(self):
        s, o = self.run_it({"FP_LEAK":"1"})
        self.assertIn("detected memory leaks", o)
