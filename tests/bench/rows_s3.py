"""Reading from a real S3 server on loopback, against curl with as many connections."""


def s3(bench):
    bench.table.add('S3', 'not yet')
