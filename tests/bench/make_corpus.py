"""Writes a bucket of the directory store full of flow-log objects, the same for the same arguments.

Traffic as AWS logs it: each direction of a connection is one record of the sender's interface and,
with the same numbers, one of the receiver's. So the bytes that must come out are the sum over
the senders' records, which expected.json holds.
"""

import argparse
import gzip
import json
import os
import random

ACCOUNT = '120431062118'
REGION = 'eu-west-1'
BUCKET = 'flow-logs'
VPC = 'vpc-0305206adbbda9918'
HEADER = ('version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes '
          'start end action log-status\n')
START = 1624348020
SERVICE_PORTS = (443, 80, 5432, 6379, 3306, 9092, 8080, 53)


def make_interfaces(count):
    """(interface id, address) of count interfaces in one VPC."""
    chosen = random.Random(1)
    return [(f'eni-{chosen.getrandbits(68):017x}', f'10.16.{i // 250}.{i % 250 + 4}')
            for i in range(count)]


def write_interfaces(path, interfaces):
    elements = [{'NetworkInterfaceId': interface_id, 'VpcId': VPC, 'PrivateIpAddress': address,
                 'AvailabilityZone': REGION + 'a', 'Description': '', 'InterfaceType': 'interface',
                 'OwnerId': ACCOUNT, 'RequesterManaged': False, 'Status': 'in-use',
                 'Ipv6Addresses': [],
                 'PrivateIpAddresses': [{'PrivateIpAddress': address, 'Primary': True}]}
                for interface_id, address in interfaces]
    with open(path, 'w', encoding='ascii') as out:
        json.dump({'NetworkInterfaces': elements}, out)


def make_pairs(count, interfaces):
    """(client, server, port): a few servers have most of the clients, as in real networks."""
    chosen = random.Random(2)
    server_count = max(1, len(interfaces) // 10)
    pairs = set()
    while len(pairs) < count:
        client = chosen.randrange(len(interfaces))
        server = int(server_count * chosen.random() ** 2)
        if client != server:
            pairs.add((client, server))
    return [(interfaces[client], interfaces[server], SERVICE_PORTS[server % len(SERVICE_PORTS)])
            for client, server in sorted(pairs)]


def object_lines(chosen, record_count, pairs):
    """The lines of one object and the bytes that its senders sent."""
    lines, sent = [], 0
    while len(lines) < record_count:
        (client_id, client), (server_id, server), port = pairs[chosen.randrange(len(pairs))]
        ephemeral = chosen.randrange(32768, 61000)
        start = START + chosen.randrange(240)
        end = start + chosen.randrange(1, 60)
        for source, target, source_port, target_port in ((client, server, ephemeral, port),
                                                         (server, client, port, ephemeral)):
            packets = chosen.randrange(1, 200)
            size = packets * chosen.randrange(52, 1400)
            rest = (f'{source} {target} {source_port} {target_port} 6 {packets} {size} {start} '
                    f'{end} ACCEPT OK\n')
            lines.append(f'2 {ACCOUNT} {client_id} {rest}')
            lines.append(f'2 {ACCOUNT} {server_id} {rest}')
            sent += size
    chosen.shuffle(lines)  # neighbours as alike as these would unpack faster than real files
    return lines, sent


def make_corpus(folder, object_count, record_count, interface_count, pair_count):
    """record_count must be a multiple of 4: both directions, each seen from both ends."""
    if record_count % 4 != 0:
        raise ValueError('the number of records must be a multiple of 4')
    interfaces = make_interfaces(interface_count)
    pairs = make_pairs(pair_count, interfaces)
    os.makedirs(folder)
    write_interfaces(os.path.join(folder, 'interfaces.json'), interfaces)
    day = os.path.join(folder, BUCKET, 'AWSLogs', ACCOUNT, 'vpcflowlogs', REGION, '2021/06/22')
    os.makedirs(day)
    total = 0
    for number in range(object_count):
        lines, sent = object_lines(random.Random(100 + number), record_count, pairs)
        total += sent
        name = (f'{ACCOUNT}_vpcflowlogs_{REGION}_fl-0a1b2c3d4e5f60718_20210622T0745Z_'
                f'{number:08x}.log.gz')
        body = gzip.compress((HEADER + ''.join(lines)).encode(), compresslevel=6, mtime=0)
        with open(os.path.join(day, name), 'wb') as out:
            out.write(body)
    with open(os.path.join(folder, 'expected.json'), 'w', encoding='ascii') as out:
        json.dump({'bytes': total, 'records': object_count * record_count,
                   'pairs': pair_count}, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', help='must not exist yet')
    parser.add_argument('--objects', type=int, default=10)
    parser.add_argument('--records', type=int, default=100000, help='per object')
    parser.add_argument('--interfaces', type=int, default=2000)
    parser.add_argument('--pairs', type=int, default=10000)
    options = parser.parse_args()
    make_corpus(options.folder, options.objects, options.records, options.interfaces,
                options.pairs)


if __name__ == '__main__':
    main()
