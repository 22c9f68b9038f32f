# The check's side of AWS for Terraform (AWS provider 4.0 or later): what flowlogs.yaml makes for CloudFormation.
# docs/OPERATIONS.md has what each part is for; a test holds both to the same policies and the same log format.

variable "vpc_id" {
  description = "The VPC whose traffic is logged"
  type        = string
}

variable "agent_principal_arn" {
  description = "ARN of the IAM user or role that the agent has"
  type        = string
}

variable "external_id" {
  description = "external_id of the agent's configuration"
  type        = string
  sensitive   = true
}

variable "bucket_name" {
  description = "Empty for stackstate-logs-ACCOUNT; else set flowlog_bucket_name too"
  type        = string
  default     = ""
}

variable "folder" {
  description = "Empty, or log_prefix of the agent's configuration with a slash behind it"
  type        = string
  default     = ""
}

variable "hourly_folders" {
  description = "A folder for each hour; the check reads either"
  type        = bool
  default     = false
}

variable "role_name" {
  type    = string
  default = "StackStateFlowLogs"
}

variable "days_deleted_objects_are_kept" {
  description = "For how long a processed object can be restored"
  type        = number
  default     = 7
}

variable "days_unread_objects_are_kept" {
  description = "Longer than the agent may ever be down"
  type        = number
  default     = 30
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
}

resource "aws_s3_bucket" "flow_logs" {
  bucket = var.bucket_name == "" ? "stackstate-logs-${local.account}" : var.bucket_name
}

resource "aws_s3_bucket_versioning" "flow_logs" {
  bucket = aws_s3_bucket.flow_logs.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "flow_logs" {
  bucket                  = aws_s3_bucket.flow_logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "flow_logs" {
  bucket = aws_s3_bucket.flow_logs.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "flow_logs" {
  bucket = aws_s3_bucket.flow_logs.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "flow_logs" {
  bucket     = aws_s3_bucket.flow_logs.id
  depends_on = [aws_s3_bucket_versioning.flow_logs]

  rule {
    id     = "remove-deleted-objects"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.days_deleted_objects_are_kept
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 wants this apart from rules that count days for current objects.
  rule {
    id     = "remove-delete-markers"
    status = "Enabled"
    filter {}
    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "remove-unread-objects"
    status = "Enabled"
    filter {}
    expiration {
      days = var.days_unread_objects_are_kept
    }
  }
}

resource "aws_s3_bucket_policy" "flow_logs" {
  bucket     = aws_s3_bucket.flow_logs.id
  depends_on = [aws_s3_bucket_public_access_block.flow_logs]
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "AWSLogDeliveryWrite",
        "Effect" : "Allow",
        "Principal" : { "Service" : "delivery.logs.amazonaws.com" },
        "Action" : "s3:PutObject",
        "Resource" : [
          "${aws_s3_bucket.flow_logs.arn}/${var.folder}AWSLogs/${local.account}/*",
          "${aws_s3_bucket.flow_logs.arn}/${var.folder}AWSLogs/aws-account-id=${local.account}/*"
        ],
        "Condition" : {
          "StringEquals" : {
            "aws:SourceAccount" : "${local.account}",
            "s3:x-amz-acl" : "bucket-owner-full-control"
          },
          "ArnLike" : { "aws:SourceArn" : "arn:${local.partition}:logs:*:${local.account}:*" }
        }
      },
      {
        "Sid" : "AWSLogDeliveryAclCheck",
        "Effect" : "Allow",
        "Principal" : { "Service" : "delivery.logs.amazonaws.com" },
        "Action" : ["s3:GetBucketAcl", "s3:ListBucket"],
        "Resource" : "${aws_s3_bucket.flow_logs.arn}",
        "Condition" : {
          "StringEquals" : { "aws:SourceAccount" : "${local.account}" },
          "ArnLike" : { "aws:SourceArn" : "arn:${local.partition}:logs:*:${local.account}:*" }
        }
      },
      {
        "Sid" : "OnlyOverTls",
        "Effect" : "Deny",
        "Principal" : "*",
        "Action" : "s3:*",
        "Resource" : ["${aws_s3_bucket.flow_logs.arn}", "${aws_s3_bucket.flow_logs.arn}/*"],
        "Condition" : { "Bool" : { "aws:SecureTransport" : "false" } }
      }
    ]
  })
}

resource "aws_flow_log" "vpc" {
  depends_on               = [aws_s3_bucket_policy.flow_logs]
  vpc_id                   = var.vpc_id
  traffic_type             = "ALL"
  log_destination_type     = "s3"
  log_destination          = var.folder == "" ? aws_s3_bucket.flow_logs.arn : "${aws_s3_bucket.flow_logs.arn}/${var.folder}"
  max_aggregation_interval = 60
  log_format               = "$${version} $${account-id} $${interface-id} $${srcaddr} $${dstaddr} $${srcport} $${dstport} $${protocol} $${packets} $${bytes} $${start} $${end} $${action} $${log-status} $${vpc-id} $${tcp-flags} $${pkt-srcaddr} $${pkt-dstaddr} $${flow-direction}"
  destination_options {
    file_format                = "plain-text"
    hive_compatible_partitions = false
    per_hour_partition         = var.hourly_folders
  }
  tags = { Name = "stackstate-flow-logs" }
}

resource "aws_iam_role" "flow_logs" {
  name = var.role_name
  assume_role_policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Effect" : "Allow",
        "Principal" : { "AWS" : "${var.agent_principal_arn}" },
        "Action" : "sts:AssumeRole",
        "Condition" : { "StringEquals" : { "sts:ExternalId" : "${var.external_id}" } }
      }
    ]
  })
}

resource "aws_iam_role_policy" "flow_logs" {
  name = "flow-logs"
  role = aws_iam_role.flow_logs.id
  policy = jsonencode({
    "Version" : "2012-10-17",
    "Statement" : [
      {
        "Sid" : "KnowTheInterfaces",
        "Effect" : "Allow",
        "Action" : "ec2:DescribeNetworkInterfaces",
        "Resource" : "*"
      },
      {
        "Sid" : "SeeThatDeletedObjectsAreKept",
        "Effect" : "Allow",
        "Action" : "s3:GetBucketVersioning",
        "Resource" : "${aws_s3_bucket.flow_logs.arn}"
      },
      {
        "Sid" : "FindFlowLogs",
        "Effect" : "Allow",
        "Action" : "s3:ListBucket",
        "Resource" : "${aws_s3_bucket.flow_logs.arn}",
        "Condition" : {
          "StringLike" : {
            "s3:prefix" : [
              "${var.folder}AWSLogs/${local.account}/vpcflowlogs/*",
              "${var.folder}AWSLogs/aws-account-id=${local.account}/aws-service=vpcflowlogs/*"
            ]
          }
        }
      },
      {
        "Sid" : "ReadAndDeleteFlowLogs",
        "Effect" : "Allow",
        "Action" : ["s3:GetObject", "s3:DeleteObject"],
        "Resource" : [
          "${aws_s3_bucket.flow_logs.arn}/${var.folder}AWSLogs/${local.account}/vpcflowlogs/*",
          "${aws_s3_bucket.flow_logs.arn}/${var.folder}AWSLogs/aws-account-id=${local.account}/aws-service=vpcflowlogs/*"
        ]
      }
    ]
  })
}

output "role_arn" {
  description = "role_arn of the agent's configuration"
  value       = aws_iam_role.flow_logs.arn
}

output "bucket_name" {
  description = "flowlog_bucket_name of the agent's configuration"
  value       = aws_s3_bucket.flow_logs.id
}
