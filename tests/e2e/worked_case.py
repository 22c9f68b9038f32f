"""The worked case: one record of a PostgreSQL reply, and what must come of it, by hand.

The server is 10.16.133.15 (port 5432 answers port 60428), so the relation goes from the client
10.16.5.72 to it, and the 52 bytes flow from the relation's target to its source.
"""

from harness import ACCOUNT, REGION, gzipped, object_key

VPC = 'vpc-0305206adbbda9918'
SERVER_IP, CLIENT_IP, CLIENT_PUBLIC_IP = '10.16.133.15', '10.16.5.72', '34.254.174.225'
SERVER = f'urn:vpcip:{VPC}/{SERVER_IP}'
CLIENT = f'urn:vpcip:{VPC}/{CLIENT_IP}'
RECORD = (f'2 {ACCOUNT} eni-04be3f7132dd24e01 {SERVER_IP} {CLIENT_IP} 5432 60428 6 1 52 '
          '1624348073 1624348074 ACCEPT OK')
KEY = object_key()
OBJECT = gzipped(RECORD)
INSTANCE_KEY = {'type': 'aws-v2', 'url': ACCOUNT}


def interface(interface_id, address, public_ip=None, vpc=VPC, zone='eu-west-1a'):
    """One element of what `aws ec2 describe-network-interfaces` prints."""
    owned = {'PrivateIpAddress': address, 'Primary': True}
    result = {'NetworkInterfaceId': interface_id, 'VpcId': vpc, 'PrivateIpAddress': address,
              'AvailabilityZone': zone, 'Description': '', 'InterfaceType': 'interface',
              'OwnerId': ACCOUNT, 'RequesterManaged': False, 'SourceDestCheck': True,
              'Status': 'in-use', 'Ipv6Addresses': [], 'PrivateIpAddresses': [owned]}
    if public_ip:
        association = {'PublicIp': public_ip, 'IpOwnerId': 'amazon'}
        result['Association'] = association
        owned['Association'] = dict(association)
    return result


INTERFACES = [interface('eni-04be3f7132dd24e01', SERVER_IP),
              interface('eni-0bd4ab7e6ea9e1f4c', CLIENT_IP, CLIENT_PUBLIC_IP)]


def check(test, graph):
    """Asserts that graph is exactly the worked case's."""
    test.assertEqual(set(graph.components), {SERVER, CLIENT})
    test.assertEqual(graph.components[SERVER]['data']['URN'], [SERVER])
    test.assertEqual(graph.components[CLIENT]['data']['URN'],
                     [CLIENT, f'urn:host:/{CLIENT_PUBLIC_IP}'])
    test.assertEqual(len(graph.of('submit_component')), 2)
    for component in graph.components.values():
        test.assertEqual(component['type'], 'vpc.request')
        test.assertEqual(component['instance'], INSTANCE_KEY)
        test.assertEqual(component['data']['Location'],
                         {'AwsAccount': ACCOUNT, 'AwsRegion': REGION})
        test.assertEqual(component['data']['tags'],
                         ['integration-type:aws-v2', f'integration-url:{ACCOUNT}'])
    test.assertEqual([(r['source'], r['target']) for r in graph.of('submit_relation')],
                     [(CLIENT, SERVER)])
    relation = graph.relations[CLIENT, SERVER]
    test.assertEqual(relation['type'], 'flowlog')
    test.assertEqual(relation['instance'], INSTANCE_KEY)
    data = relation['data']
    test.assertEqual(data['family'], 'v4')
    test.assertEqual(data['traffic_type'], '6')
    test.assertEqual(data['local_address'], CLIENT_IP)
    test.assertEqual(data['remote_address'], SERVER_IP)
    test.assertEqual(graph.of('submit_start_snapshot') + graph.of('submit_stop_snapshot'), [])
    test.assertEqual(graph.of('submit_delete'), [])
    # One second of window: the rate equals the amount.
    for name, value in (('bytes_sent', 0), ('bytes_received', 52), ('bytes_sent_per_second', 0),
                        ('bytes_received_per_second', 52)):
        metrics = graph.metrics('aws.flowlog.' + name)
        test.assertEqual([v for v, _ in metrics], [value], name)
        tags = metrics[0][1]
        test.assertEqual((tags['source'], tags['target']),
                         (data['source'].replace('.', '_'), data['target'].replace('.', '_')))
        test.assertNotIn('.', tags['source'] + tags['target'])
    for metric in graph.of('submit_metric'):
        if metric['name'].startswith('aws.flowlog.'):
            test.assertIn(metric['metric_type'], (0, 'gauge'), metric)
