"""The official Python SDK, unmodified, against a real server.

The SDK puts the project in front of the endpoint's host name, which no resolver here knows, so
the server is used as the HTTP proxy as well: it accepts absolute-form request targets.

Needs SIDETAIL_BIN_DIR, the folder with the `sidetail-server` to test.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from aliyun.log import (
    GetHistogramsRequest,
    GetLogsRequest,
    IndexConfig,
    IndexKeyConfig,
    IndexLineConfig,
    LogClient,
    LogException,
    LogItem,
    MachineGroupDetail,
    PutLogsRequest,
)
from aliyun.log.logtail_config_detail import SimpleFileConfigDetail

ENDPOINT = "http://sls.local"
TOKENS = list(", '\";=()[]{}?@&<>/:\n\t\r")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process over a temporary folder."""

    def __init__(self):
        self.data = tempfile.TemporaryDirectory()
        self.port = free_port()
        self.lines = []
        self.start()

    def start(self):
        binary = os.path.join(os.environ["SIDETAIL_BIN_DIR"], "sidetail-server")
        self.process = subprocess.Popen(
            [binary, "--data", self.data.name, "--listen", f"127.0.0.1:{self.port}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for line in self.process.stdout:
            self.lines.append(line)
            if f"http://127.0.0.1:{self.port}" in line and self.key("id") and self.key("secret"):
                return
        raise RuntimeError("the server did not start:\n" + "".join(self.lines))

    def key(self, part):
        for line in self.lines:
            match = re.search(rf"access key {part}\W+(\S+)", line)
            if match:
                return match.group(1)
        return None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.data.cleanup()


class SdkTest(unittest.TestCase):
    """Methods run in the order of their names over one server and one project per signature."""

    auth = {}
    project = "sdk-v1"

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        for name in ("http_proxy", "HTTP_PROXY"):
            os.environ[name] = f"http://127.0.0.1:{cls.server.port}"
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ""
        cls.client = LogClient(
            ENDPOINT, cls.server.key("id"), cls.server.key("secret"), source="10.1.1.1", **cls.auth
        )

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def code(self, call, *args, **kwargs):
        """The error code that a call is refused with."""
        with self.assertRaises(LogException) as refused:
            call(*args, **kwargs)
        return refused.exception.get_error_code()

    def test_1_project(self):
        self.client.create_project(self.project, "made by the official client")
        project = self.client.get_project(self.project)
        self.assertEqual(project.get_projectname(), self.project)
        self.assertEqual(project.get_description(), "made by the official client")
        self.assertEqual(project.get_status(), "Normal")
        self.assertEqual(
            self.code(self.client.create_project, self.project, ""), "ProjectAlreadyExist"
        )
        self.assertEqual(self.code(self.client.get_project, "not-there"), "ProjectNotExist")
        listed = self.client.list_project()
        self.assertEqual([entry["projectName"] for entry in listed.get_projects()], [self.project])

    def test_2_logstore_and_shards(self):
        self.client.create_logstore(self.project, "app", ttl=7, shard_count=2)
        logstore = self.client.get_logstore(self.project, "app")
        self.assertEqual(logstore.logstore_name, "app")
        self.assertEqual((logstore.get_ttl(), logstore.get_shard_count()), (7, 2))
        self.assertEqual(self.client.list_logstore(self.project).get_logstores(), ["app"])
        shards = self.client.list_shards(self.project, "app").get_shards_info()
        self.assertEqual([shard["shardID"] for shard in shards], [0, 1])
        self.client.update_logstore(self.project, "app", ttl=14)
        self.assertEqual(self.client.get_logstore(self.project, "app").get_ttl(), 14)
        self.assertEqual(
            self.code(self.client.create_logstore, self.project, "app"), "LogStoreAlreadyExist"
        )
        self.assertEqual(
            self.code(self.client.get_logstore, self.project, "none"), "LogStoreNotExist"
        )

    def test_3_index(self):
        self.assertEqual(
            self.code(self.client.get_index_config, self.project, "app"), "IndexConfigNotExist"
        )
        index = IndexConfig(
            line_config=IndexLineConfig(token_list=TOKENS),
            key_config_list={
                "path": IndexKeyConfig(token_list=TOKENS, doc_value=True),
                "status": IndexKeyConfig(index_type="long", doc_value=True),
            },
        )
        self.client.create_index(self.project, "app", index)
        read = self.client.get_index_config(self.project, "app").get_index_config()
        self.assertEqual(sorted(read.key_config_list), ["path", "status"])
        self.assertEqual(read.line_config.token_list, TOKENS)

    def test_4_machine_group_and_config(self):
        config = SimpleFileConfigDetail(
            "app", "app-log", "/var/log/app", "*.log", localStorage=True, enableRawLog=False,
            topicFormat="none", fileEncoding="utf8", maxDepth=10, preserve=True,
            preserveDepth=0, filterKey=[], filterRegex=[],
        )
        self.client.create_logtail_config(self.project, config)
        read = self.client.get_logtail_config(self.project, "app-log").logtail_config
        self.assertEqual((read.config_name, read.logstore_name), ("app-log", "app"))
        self.assertEqual(read.value["inputDetail"]["logPath"], "/var/log/app")

        group = MachineGroupDetail("group", "userdefined", ["sidecar-id"], "Armory", {
            "externalName": "", "groupTopic": "",
        })
        self.client.create_machine_group(self.project, group)
        read = self.client.get_machine_group(self.project, "group").get_machine_group()
        self.assertEqual((read.group_name, read.machine_list), ("group", ["sidecar-id"]))
        for _ in range(2):
            self.client.apply_config_to_machine_group(self.project, "app-log", "group")
        applied = self.client.get_machine_group_applied_configs(self.project, "group")
        self.assertEqual(applied.get_configs(), ["app-log"])
        groups = self.client.get_config_applied_machine_groups(self.project, "app-log")
        self.assertEqual(groups.get_machine_groups(), ["group"])
        self.assertEqual(self.client.list_machines(self.project, "group").get_machines(), [])
        self.client.remove_config_to_machine_group(self.project, "app-log", "group")
        applied = self.client.get_machine_group_applied_configs(self.project, "group")
        self.assertEqual(applied.get_configs(), [])

    def test_5_logs_with_lz4(self):
        now = int(time.time())
        for batch in range(3):
            logs = [
                LogItem(now, contents=[
                    ("path", f"/api/orders/{batch * 10 + i}"),
                    ("status", "500" if i == 0 else "200"),
                    ("message", f"订单 {batch * 10 + i} done"),
                ])
                for i in range(10)
            ]
            request = PutLogsRequest(
                self.project, "app", topic="orders", source="10.0.0.7", logitems=logs,
                compress=True, logtags=[("host", "web-1")],
            )
            self.client.put_logs(request)

        def search(query, **kwargs):
            request = GetLogsRequest(self.project, "app", now - 60, now + 60, "", query, **kwargs)
            answer = self.client.get_logs(request)
            self.assertTrue(answer.is_completed())
            return [log.contents for log in answer.get_logs()]

        rows = search("*")
        self.assertEqual(len(rows), 30)
        self.assertEqual(len({row["path"] for row in rows}), 30)
        self.assertTrue(all(row["__topic__"] == "orders" for row in rows))
        self.assertTrue(all(row["__tag__:host"] == "web-1" for row in rows))
        self.assertEqual(len(search("status >= 500")), 3)
        self.assertEqual(len(search("path: orders and not status: 500")), 27)
        self.assertEqual(len(search("nothing")), 0)
        self.assertEqual(len(search("订单")), 30)
        self.assertEqual([row["path"] for row in search("path: 17")], ["/api/orders/17"])
        self.assertEqual(len(search("*", line=10, offset=25)), 5)

        # The older form of the same call.
        answer = self.client.get_log(
            self.project, "app", now - 60, now + 60, "", "status: 500", size=100
        )
        self.assertEqual(answer.get_count(), 3)

        histogram = self.client.get_histograms(
            GetHistogramsRequest(self.project, "app", now - 60, now + 60, "", "status: 200")
        )
        self.assertTrue(histogram.is_completed())
        self.assertEqual(histogram.get_total_count(), 27)

    def test_6_refusals(self):
        stranger = LogClient(
            ENDPOINT, self.server.key("id"), "wrong", source="10.1.1.1", **self.auth
        )
        self.assertEqual(self.code(stranger.get_project, self.project), "SignatureNotMatch")
        unknown = LogClient(ENDPOINT, "nobody", "wrong", source="10.1.1.1", **self.auth)
        self.assertIn(self.code(unknown.get_project, self.project),
                      ("Unauthorized", "InvalidAccessKeyId"))
        item = LogItem(int(time.time()), contents=[("a", "b")])
        request = PutLogsRequest(self.project, "none", logitems=[item], compress=True)
        self.assertEqual(self.code(self.client.put_logs, request), "LogStoreNotExist")

    def test_7_deletion(self):
        self.client.delete_machine_group(self.project, "group")
        self.client.delete_logtail_config(self.project, "app-log")
        self.client.delete_index(self.project, "app")
        self.client.delete_logstore(self.project, "app")
        self.assertEqual(self.client.list_logstore(self.project).get_logstores(), [])
        self.client.delete_project(self.project)
        self.assertEqual(self.code(self.client.get_project, self.project), "ProjectNotExist")


class SdkSignatureV4Test(SdkTest):
    """The same with signature v4."""

    auth = {"auth_version": "v4", "region": "cn-test"}
    project = "sdk-v4"


if __name__ == "__main__":
    program = unittest.main(verbosity=2, exit=False)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
