"""S3's calls: which one a request is by its method, by what its path names, and by the keys of its query.

Facts of Amazon's published description of S3 (API version 2006-03-01, the traits ``http`` and ``httpQuery``). A query that
fits no call has no reading: S3 acts on the first key it knows, and nobody here knows which that is. Must not know: fields,
bodies, policies.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"

# level, method, the keys that tell it apart ("-" for none), name, keys that may stand beside them.
_TABLE = """
service GET    -                      ListBuckets max-buckets continuation-token prefix bucket-region
bucket  GET    -                      ListObjects delimiter encoding-type marker max-keys prefix
bucket  GET    list-type=2            ListObjectsV2 delimiter encoding-type max-keys prefix continuation-token fetch-owner start-after
bucket  GET    versions               ListObjectVersions delimiter encoding-type key-marker max-keys prefix version-id-marker
bucket  GET    uploads                ListMultipartUploads delimiter encoding-type key-marker max-uploads prefix upload-id-marker
bucket  HEAD   -                      HeadBucket
bucket  PUT    -                      CreateBucket
bucket  DELETE -                      DeleteBucket
bucket  POST   delete                 DeleteObjects
bucket  GET    accelerate             GetBucketAccelerateConfiguration
bucket  PUT    accelerate             PutBucketAccelerateConfiguration
bucket  GET    acl                    GetBucketAcl
bucket  PUT    acl                    PutBucketAcl
bucket  GET    analytics              ListBucketAnalyticsConfigurations continuation-token
bucket  GET    analytics+id           GetBucketAnalyticsConfiguration
bucket  PUT    analytics+id           PutBucketAnalyticsConfiguration
bucket  DELETE analytics+id           DeleteBucketAnalyticsConfiguration
bucket  GET    cors                   GetBucketCors
bucket  PUT    cors                   PutBucketCors
bucket  DELETE cors                   DeleteBucketCors
bucket  GET    encryption             GetBucketEncryption
bucket  PUT    encryption             PutBucketEncryption
bucket  DELETE encryption             DeleteBucketEncryption
bucket  GET    intelligent-tiering    ListBucketIntelligentTieringConfigurations continuation-token
bucket  GET    intelligent-tiering+id GetBucketIntelligentTieringConfiguration
bucket  PUT    intelligent-tiering+id PutBucketIntelligentTieringConfiguration
bucket  DELETE intelligent-tiering+id DeleteBucketIntelligentTieringConfiguration
bucket  GET    inventory              ListBucketInventoryConfigurations continuation-token
bucket  GET    inventory+id           GetBucketInventoryConfiguration
bucket  PUT    inventory+id           PutBucketInventoryConfiguration
bucket  DELETE inventory+id           DeleteBucketInventoryConfiguration
bucket  GET    lifecycle              GetBucketLifecycleConfiguration
bucket  PUT    lifecycle              PutBucketLifecycleConfiguration
bucket  DELETE lifecycle              DeleteBucketLifecycle
bucket  GET    location               GetBucketLocation
bucket  GET    logging                GetBucketLogging
bucket  PUT    logging                PutBucketLogging
bucket  GET    metrics                ListBucketMetricsConfigurations continuation-token
bucket  GET    metrics+id             GetBucketMetricsConfiguration
bucket  PUT    metrics+id             PutBucketMetricsConfiguration
bucket  DELETE metrics+id             DeleteBucketMetricsConfiguration
bucket  GET    notification           GetBucketNotificationConfiguration
bucket  PUT    notification           PutBucketNotificationConfiguration
bucket  GET    object-lock            GetObjectLockConfiguration
bucket  PUT    object-lock            PutObjectLockConfiguration
bucket  GET    ownershipControls      GetBucketOwnershipControls
bucket  PUT    ownershipControls      PutBucketOwnershipControls
bucket  DELETE ownershipControls      DeleteBucketOwnershipControls
bucket  GET    policy                 GetBucketPolicy
bucket  PUT    policy                 PutBucketPolicy
bucket  DELETE policy                 DeleteBucketPolicy
bucket  GET    policyStatus           GetBucketPolicyStatus
bucket  GET    publicAccessBlock      GetPublicAccessBlock
bucket  PUT    publicAccessBlock      PutPublicAccessBlock
bucket  DELETE publicAccessBlock      DeletePublicAccessBlock
bucket  GET    replication            GetBucketReplication
bucket  PUT    replication            PutBucketReplication
bucket  DELETE replication            DeleteBucketReplication
bucket  GET    requestPayment         GetBucketRequestPayment
bucket  PUT    requestPayment         PutBucketRequestPayment
bucket  GET    tagging                GetBucketTagging
bucket  PUT    tagging                PutBucketTagging
bucket  DELETE tagging                DeleteBucketTagging
bucket  GET    versioning             GetBucketVersioning
bucket  PUT    versioning             PutBucketVersioning
bucket  GET    website                GetBucketWebsite
bucket  PUT    website                PutBucketWebsite
bucket  DELETE website                DeleteBucketWebsite
object  GET    -                      GetObject versionId partNumber response-cache-control response-content-disposition response-content-encoding response-content-language response-content-type response-expires
object  HEAD   -                      HeadObject versionId partNumber response-cache-control response-content-disposition response-content-encoding response-content-language response-content-type response-expires
object  PUT    -                      PutObject
object  DELETE -                      DeleteObject
object  DELETE versionId              DeleteObjectVersion
object  GET    acl                    GetObjectAcl versionId
object  PUT    acl                    PutObjectAcl versionId
object  GET    attributes             GetObjectAttributes versionId
object  GET    legal-hold             GetObjectLegalHold versionId
object  PUT    legal-hold             PutObjectLegalHold versionId
object  GET    retention              GetObjectRetention versionId
object  PUT    retention              PutObjectRetention versionId
object  GET    tagging                GetObjectTagging versionId
object  PUT    tagging                PutObjectTagging versionId
object  DELETE tagging                DeleteObjectTagging versionId
object  GET    torrent                GetObjectTorrent
object  POST   restore                RestoreObject versionId
object  POST   select+select-type=2   SelectObjectContent
object  POST   uploads                CreateMultipartUpload
object  PUT    partNumber+uploadId    UploadPart
object  GET    uploadId               ListParts max-parts part-number-marker
object  POST   uploadId               CompleteMultipartUpload
object  DELETE uploadId               AbortMultipartUpload
"""
_ANYWHERE = frozenset(
    {"X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
     "X-Amz-Signature", "X-Amz-SignedHeaders", "x-amz-checksum-mode", "x-amz-user-agent", "x-id"}
)  # fmt: skip
"""Keys of a presigned URL, and what SDKs add: they say nothing about the call, or (``x-id``) repeat its name."""
_VALUED = frozenset({"id", "partNumber", "uploadId", "versionId", "list-type", "select-type"})
"""Keys that tell calls apart and have a value; the others are flags, and a flag with a value is refused."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its name, what its query must hold, and what it may hold."""

    name: str
    needs: frozenset[str]
    values: frozenset[tuple[str, str]]
    may: frozenset[str]

    def fits(self, query: dict[str, str]) -> bool:
        """Whether a query holds all of what tells this call apart, and nothing unknown."""
        return (
            self.needs <= query.keys() <= self.may
            and all(query[key] == value for key, value in self.values)
            and all(bool(query[key]) is (key in _VALUED) for key in self.needs)
            and query.get("x-id", self.name) == self.name
        )


def _parsed() -> dict[tuple[str, str], tuple[Call, ...]]:
    found: dict[tuple[str, str], list[Call]] = {}
    for line in _TABLE.strip().splitlines():
        level, method, keys, name, *beside = line.split()
        written = [] if keys == "-" else [key.partition("=") for key in keys.split("+")]
        needs = frozenset(key for key, _, _ in written)
        values = frozenset((key, value) for key, sign, value in written if sign)
        call = Call(name, needs, values, needs | set(beside) | _ANYWHERE)
        found.setdefault((level, method), []).append(call)
    return {at: tuple(calls) for at, calls in found.items()}


_CALLS = _parsed()
NAMES = frozenset(call.name for calls in _CALLS.values() for call in calls)


def find_call(level: str, method: str, query: dict[str, str]) -> str | None:
    """The one call a request is, or None; ``query`` has its decoded keys, each as it is spelled."""
    fitting = [call for call in _CALLS.get((level, method), ()) if call.fits(query)]
    return fitting[0].name if len(fitting) == 1 else None
