"""A real S3 and STS server for the tests: one Ceph monitor, one memory-only OSD and one radosgw.

Everything listens on loopback at free ports, keeps its files in one temporary directory and is
stopped by its own process id, also when starting it fails or the test process is killed.
"""

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import boto3
import botocore.config

ROLE_NAME = 'StackStateAwsIntegrationRole'
# The least that the check needs.
ACTIONS = ('s3:GetBucketVersioning', 's3:ListBucket', 's3:GetObject', 's3:DeleteObject')
PROGRAMS = ('ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'monmaptool',
            'ceph-authtool')
START_SECONDS = 90

CONFIG = """\
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon_port}
mon_initial_members = a
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {dir}/keyring
run_dir = {dir}
admin_socket = {dir}/$name.asok
log_file = {dir}/$name.log
log_to_stderr = false
err_to_stderr = true
crash_dir = {dir}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_bind_msgr1 = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_delete = true

[mon]
mon_data = {dir}/mon
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_warn_on_pool_no_redundancy = false
mon_cluster_log_file = {dir}/cluster.log
paxos_propose_interval = 0.05
paxos_min_wait = 0.02
mon_data_avail_crit = 0
mon_data_avail_warn = 0

[osd]
osd_objectstore = memstore
osd_data = {dir}/osd
memstore_device_bytes = 2147483648

[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:{rgw_port} tcp_nodelay=1
rgw_dns_name =
rgw_sts_key = {sts_key}
rgw_s3_auth_use_sts = true
rgw_enable_usage_log = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_run_sync_thread = false
rgw_cache_enabled = true
"""


def missing_programs():
    """Names of the programs that this module needs and the machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def die_with_parent():
    """Runs in a child before exec: the kernel ends it when the test process goes away."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class RgwError(Exception):
    """The server did not come up; the text holds the end of the log that says why."""


class Rgw:
    """Use as a context manager."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='vfl-rgw-')
        self.config = os.path.join(self.dir, 'ceph.conf')
        self.processes = []
        self.rgw_port = free_port()
        self.endpoint = f'http://127.0.0.1:{self.rgw_port}'

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._write_config()
        self._make_monitor()
        self._spawn('mon.a', ['ceph-mon', '-i', 'a'])
        osd_uuid = str(uuid.uuid4())
        self._ceph('osd', 'new', osd_uuid)
        self._run(['ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd_uuid])
        self._spawn('osd.0', ['ceph-osd', '-i', '0'])
        self._spawn('client.rgw', ['radosgw', '-n', 'client.rgw'])
        self._wait_until_up()

    def stop(self):
        for name, process in reversed(self.processes):
            if process.poll() is None:
                # The data is in memory only, so the stores have nothing to flush.
                process.send_signal(signal.SIGTERM if name == 'client.rgw' else signal.SIGKILL)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def _write_config(self):
        self.mon_port = free_port()
        self.fsid = str(uuid.uuid4())
        with open(self.config, 'w', encoding='ascii') as out:
            out.write(CONFIG.format(dir=self.dir, fsid=self.fsid, mon_port=self.mon_port,
                                    rgw_port=self.rgw_port, sts_key=secrets.token_hex(8)))
        os.mkdir(os.path.join(self.dir, 'mon'))
        os.mkdir(os.path.join(self.dir, 'osd'))

    def _make_monitor(self):
        keyring = os.path.join(self.dir, 'keyring')
        caps = {'mon.': ['mon', 'allow *'],
                'client.admin': ['mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *'],
                'osd.0': ['mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd'],
                'client.rgw': ['mon', 'allow rwx', 'osd', 'allow rwx']}
        for index, (entity, entity_caps) in enumerate(caps.items()):
            arguments = ['--create-keyring'] if index == 0 else []
            for i in range(0, len(entity_caps), 2):
                arguments += ['--cap', entity_caps[i], entity_caps[i + 1]]
            self._run(['ceph-authtool', keyring, '--gen-key', '-n', entity] + arguments,
                      with_config=False)
        monmap = os.path.join(self.dir, 'monmap')
        self._run(['monmaptool', '--create', '--clobber', '--fsid', self.fsid, '--addv', 'a',
                   f'[v2:127.0.0.1:{self.mon_port}]', monmap], with_config=False)
        self._run(['ceph-mon', '-i', 'a', '--mkfs', '--monmap', monmap, '--keyring', keyring])

    def _run(self, command, with_config=True, timeout=60):
        if with_config:
            command = command + ['-c', self.config]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False, preexec_fn=die_with_parent)
        if done.returncode != 0:
            raise RgwError(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}')
        return done.stdout

    def _spawn(self, name, command):
        with open(os.path.join(self.dir, name + '.out'), 'wb') as out:
            process = subprocess.Popen(command + ['-c', self.config, '-f'], stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.processes.append((name, process))

    def _ceph(self, *arguments):
        return self._run(['ceph', '--connect-timeout', '30', *arguments])

    def admin(self, *arguments):
        """radosgw-admin; returns its JSON, or None."""
        text = self._run(['radosgw-admin', '-n', 'client.rgw', *arguments])
        return json.loads(text) if text.strip().startswith(('{', '[')) else None

    def _wait_until_up(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            for name, process in self.processes:
                if process.poll() is not None:
                    raise RgwError(f'{name} ended with {process.returncode}\n{self._log(name)}')
            try:
                with socket.create_connection(('127.0.0.1', self.rgw_port), timeout=1):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise RgwError(f'radosgw does not listen after {START_SECONDS} s\n'
                                   + self._log('client.rgw')) from None
            time.sleep(0.05)

    def _log(self, name):
        text = ''
        for suffix in ('.out', '.log'):
            try:
                with open(os.path.join(self.dir, name + suffix), encoding='utf-8',
                          errors='replace') as log:
                    text += log.read()[-3000:]
            except OSError:
                pass
        return text


class Tenant:
    """One account: the agent's user, a role that it may assume, and the buckets' owner.

    The agent's user itself may do nothing to the buckets; what works, works through the role."""

    def __init__(self, rgw, account):
        self.rgw = rgw
        self.account = account
        self.role_arn = f'arn:aws:iam::{account}:role/{ROLE_NAME}'
        self.access_key, self.secret_key = self._make_user('agent')
        self.owner_access_key, self.owner_secret_key = self._make_user('owner')
        trust = {'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Principal': {'AWS': [f'arn:aws:iam::{account}:user/agent']},
             'Action': ['sts:AssumeRole']}]}
        rgw.admin('role', 'create', '--tenant', account, '--role-name', ROLE_NAME, '--path', '/',
                  '--assume-role-policy-doc', json.dumps(trust))
        self.allow(*ACTIONS)

    def _make_user(self, name):
        access_key = 'AKIA' + secrets.token_hex(8).upper()
        secret_key = secrets.token_hex(20)
        self.rgw.admin('user', 'create', '--tenant', self.account, '--uid', name,
                       '--display-name', name, '--access-key', access_key, '--secret', secret_key)
        return access_key, secret_key

    def allow(self, *actions):
        """Replaces the role's policy."""
        # radosgw asks for DeleteObject on the bucket itself before it looks at the keys.
        self.put_role_policy({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Action': list(actions),
             'Resource': ['arn:aws:s3:::*', 'arn:aws:s3:::*/*']}]})

    def put_role_policy(self, policy):
        """Replaces the role's policy by that document."""
        self.rgw.admin('role-policy', 'put', '--tenant', self.account, '--role-name', ROLE_NAME,
                       '--policy-name', 'flowlogs', '--policy-doc', json.dumps(policy))

    def _client(self, service, access_key, secret_key, token=None):
        return boto3.client(
            service, endpoint_url=self.rgw.endpoint, region_name='eu-west-1',
            aws_access_key_id=access_key, aws_secret_access_key=secret_key,
            aws_session_token=token,
            config=botocore.config.Config(s3={'addressing_style': 'path'}))

    def client(self):
        """A boto3 S3 client with the bucket owner's keys; the caller closes it."""
        return self._client('s3', self.owner_access_key, self.owner_secret_key)

    def role_client(self):
        """The same with a session of the role."""
        with contextlib.closing(self._client('sts', self.access_key, self.secret_key)) as sts:
            session = sts.assume_role(RoleArn=self.role_arn, RoleSessionName='test')['Credentials']
        return self._client('s3', session['AccessKeyId'], session['SecretAccessKey'],
                            session['SessionToken'])

    def make_bucket(self, client, name, versioning='Enabled'):
        client.create_bucket(Bucket=name)
        if versioning:
            client.put_bucket_versioning(Bucket=name,
                                         VersioningConfiguration={'Status': versioning})
