#!/usr/bin/env python3
"""Writes the demo's sample data: what AWS would have put into the bucket, and the interfaces.

Usage: make_sample.py [FOLDER]    (default: the folder of this script)

The landscape is a small web shop. Flow logs of its VPC have the default format (version 2); the
peered VPC of the monitoring host has a flow log with a custom format (version 5). Every connection
is written as AWS writes it: by the interface at each end, one record per direction and window. The
output is the same whenever it is made; it is committed, and a test compares."""
import gzip
import io
import json
import os
import sys

ACCOUNT = "123456789012"
REGION = "eu-west-1"
BUCKET = f"stackstate-logs-{ACCOUNT}"
SHOP_VPC = "vpc-0c1f5d2e9a7b83640"
OPS_VPC = "vpc-07e2b9d4c1a6f5830"
SHOP_LOG = "fl-0a4d1c7e92b35f860"
OPS_LOG = "fl-0e83b6f2d95a1c407"
START = 1762161600  # 2025-11-03T09:20:00Z
WINDOWS = [(START + 60 * minute, START + 60 * minute + 58) for minute in range(5)]
NAME_TIME = "20251103T0925Z"
TCP, UDP = 6, 17

V2 = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
      "start end action log-status")
V5 = (V2 + " vpc-id tcp-flags pkt-srcaddr pkt-dstaddr flow-direction")


class Host:
    """One interface. `index` makes its ids."""
    def __init__(self, index, address, description="", vpc=SHOP_VPC, kind="interface",
                 requester=None, public=None, name=None):
        self.interface = f"eni-0{index:02x}7c4e9d1b52a{index * 37:03x}"
        self.index, self.address, self.vpc, self.public = index, address, vpc, public
        self.description, self.kind, self.requester, self.name = description, kind, requester, name

    def to_json(self):
        association = self.public and {
            "IpOwnerId": "amazon" if self.requester else ACCOUNT,
            "PublicDnsName": f"ec2-{self.public.replace('.', '-')}.{REGION}.compute.amazonaws.com",
            "PublicIp": self.public}
        address = {"Primary": True, "PrivateIpAddress": self.address}
        attachment = {"AttachTime": "2025-06-11T07:42:10+00:00",
                      "AttachmentId": f"eni-attach-0{self.index:016x}",
                      "DeleteOnTermination": not self.requester, "DeviceIndex": 0,
                      "InstanceOwnerId": self.requester or ACCOUNT, "Status": "attached"}
        if not self.requester:
            attachment["InstanceId"] = f"i-0{self.index * 2654435761 % 16 ** 16:016x}"
        result = {
            "Attachment": attachment, "AvailabilityZone": REGION + "abc"[self.index % 3],
            "Description": self.description, "Groups": [], "InterfaceType": self.kind,
            "Ipv6Addresses": [], "MacAddress": f"06:5b:2f:0c:91:{self.index:02x}",
            "NetworkInterfaceId": self.interface, "OwnerId": ACCOUNT,
            "PrivateIpAddress": self.address, "PrivateIpAddresses": [address],
            "RequesterManaged": self.requester is not None, "SourceDestCheck": True,
            "Status": "in-use", "SubnetId": f"subnet-0{int(self.address.split('.')[2]):016x}",
            "TagSet": [{"Key": "Name", "Value": self.name}] if self.name else [],
            "VpcId": self.vpc}
        if association:
            result["Association"] = association
            address["Association"] = association
        if self.requester:
            result["RequesterId"] = self.requester
        return result


ALB = Host(1, "10.20.0.10", "ELB app/shop/50dc6c495c0c9188", requester="amazon-elb",
           public="203.0.113.10")
NAT = Host(2, "10.20.0.20", "Interface for NAT Gateway nat-0d3b7e61f2a94c058", kind="nat_gateway",
           requester="amazon-aws", public="203.0.113.20")
BASTION = Host(3, "10.20.0.30", public="203.0.113.30", name="bastion")
WEB = [Host(4, "10.20.1.11", name="web-1"), Host(5, "10.20.1.12", name="web-2")]
APP = [Host(6, "10.20.2.21", name="app-1"), Host(7, "10.20.2.22", name="app-2")]
WORKER = Host(8, "10.20.2.31", name="worker")
PRIMARY = Host(9, "10.20.3.41", "RDSNetworkInterface", requester="amazon-rds")
REPLICA = Host(10, "10.20.3.42", "RDSNetworkInterface", requester="amazon-rds")
REDIS = Host(11, "10.20.3.51", "ElastiCache shop-sessions-001", requester="amazon-elasticache")
MONITOR = Host(12, "10.90.0.15", vpc=OPS_VPC, name="monitoring")
IDLE = Host(13, "10.20.2.99", name="standby")
HOSTS = [ALB, NAT, BASTION, *WEB, *APP, WORKER, PRIMARY, REPLICA, REDIS, MONITOR, IDLE]

# client, server, port, protocol, bytes of the request and of the answer in the first window
CONNECTIONS = [
    *[(web, app, 8443, TCP, 184_000, 1_960_000) for web in WEB for app in APP],
    *[(app, PRIMARY, 5432, TCP, 312_000, 2_740_000) for app in APP],
    (APP[0], REPLICA, 5432, TCP, 96_000, 7_450_000),
    *[(app, REDIS, 6379, TCP, 71_000, 143_000) for app in APP],
    (WORKER, PRIMARY, 5432, TCP, 1_240_000, 388_000),
    (WORKER, REDIS, 6379, TCP, 22_000, 19_500),
    (REPLICA, PRIMARY, 5432, TCP, 41_000, 3_310_000),
    (BASTION, WEB[0], 22, TCP, 6_400, 18_200),
    *[(MONITOR, host, 9100, TCP, 2_100, 58_000) for host in [*WEB, *APP, WORKER, BASTION]],
    *[(app, MONITOR, 8125, UDP, 9_300, 0) for app in APP],
]


class Log:
    """The lines of one flow log: the records of the interfaces of one VPC."""
    def __init__(self, vpc, header):
        self.vpc, self.header, self.lines = vpc, header, []

    def record(self, host, source, target, ports, protocol, count, window, action="ACCEPT",
               flags=0):
        if host.vpc != self.vpc:
            return
        packets = max(1, -(-count // 1200))
        values = [5 if self.header == V5 else 2, ACCOUNT, host.interface, source, target, *ports,
                  protocol, packets, count, *window, action, "OK"]
        line = " ".join(str(value) for value in values)
        if self.header == V5:
            direction = "egress" if source == host.address else "ingress"
            line += f" {host.vpc} {flags} {source} {target} {direction}"
        self.lines.append(line)

    def text(self):
        return "\n".join([self.header, *self.lines]) + "\n"


def varied(count, key):
    """Between 75 % and 125 % of count, the same for the same key."""
    return count * (75 + key * 7919 % 51) // 100


def add_connection(logs, number, connection):
    client, server, port, protocol, asked, answered = connection
    for minute, window in enumerate(WINDOWS):
        client_port = 32768 + (number * 1543 + minute * 389) % 28000
        request = varied(asked, number * 5 + minute)
        answer = varied(answered, number * 11 + minute)
        opens, accepts = (2, 18) if protocol == TCP else (0, 0)
        for log in logs:
            for host in (client, server):
                log.record(host, client.address, server.address, (client_port, port), protocol,
                           request, window, flags=opens)
                if answer:
                    log.record(host, server.address, client.address, (port, client_port), protocol,
                               answer, window, flags=accepts)


def add_edges(log):
    """What must not become topology, and the one refused attempt."""
    for minute, window in enumerate(WINDOWS):
        port = 41000 + minute * 17
        # a customer, through the load balancer, to the web servers
        log.record(ALB, "198.51.100.77", ALB.address, (port, 443), TCP, 48_000, window)
        log.record(ALB, ALB.address, "198.51.100.77", (443, port), TCP, 910_000, window)
        for web in WEB:
            for host in (ALB, web):
                log.record(host, ALB.address, web.address, (port + 5, 8080), TCP, 52_000, window)
                log.record(host, web.address, ALB.address, (8080, port + 5), TCP, 940_000, window)
        # the worker, through the NAT gateway, to a payment service
        log.record(WORKER, WORKER.address, "192.0.2.80", (port, 443), TCP, 8_800, window)
        log.record(WORKER, "192.0.2.80", WORKER.address, (443, port), TCP, 12_400, window)
        log.record(NAT, WORKER.address, NAT.address, (port, 443), TCP, 8_800, window)
        log.record(NAT, NAT.address, "192.0.2.80", (port, 443), TCP, 8_800, window)
        # an administrator from outside, to the host with a public address
        log.record(BASTION, "198.51.100.9", BASTION.address, (port + 9, 22), TCP, 7_100, window)
        log.lines.append(f"2 {ACCOUNT} {IDLE.interface} - - - - - - - {window[0]} {window[1]} "
                         "- NODATA")
    # the bastion's own security group refuses the way to the database
    log.record(BASTION, BASTION.address, PRIMARY.address, (50522, 5432), TCP, 180, WINDOWS[2],
               action="REJECT")


def write(folder, path, text):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = text.encode("utf-8")
    if path.endswith(".gz"):
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
            file.write(data)
        data = packed.getvalue()
    with open(path, "wb") as file:
        file.write(data)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    shop, ops = Log(SHOP_VPC, V2), Log(OPS_VPC, V5)
    for number, connection in enumerate(CONNECTIONS):
        add_connection((shop, ops), number, connection)
    add_edges(shop)
    day = f"bucket-root/{BUCKET}/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2025/11/03/"
    for flow_log, suffix, log in ((SHOP_LOG, "7d1f0a3c", shop), (OPS_LOG, "b2c84e19", ops)):
        name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_{NAME_TIME}_{suffix}.log.gz"
        write(folder, day + name, log.text())
    interfaces = {"NetworkInterfaces": [host.to_json() for host in HOSTS]}
    write(folder, "interfaces.json", json.dumps(interfaces, indent=2) + "\n")


if __name__ == "__main__":
    main()
