"""The closed list of reason codes: why a message was refused or held, or a bound was hit.

A code is the contract with machines (ledger, metrics, `guard try --json`); at most 32 ASCII
characters, because a receipt carries it in a field of that width. The sentence beside a code is
for people and may change.
"""

from enum import StrEnum

REASON_BYTES_MAX = 32


class Reason(StrEnum):
    """One code a cause. Add one here before a stage uses it."""

    # nothing to report
    NONE = ""

    # the drop directory (ingest)
    NOT_A_REGULAR_FILE = "not-a-regular-file"
    SYMBOLIC_LINK = "symbolic-link"
    HARD_LINKED = "hard-linked"
    NOT_THE_SENDERS = "not-the-senders"
    NOT_READABLE = "not-readable"
    NAME_NOT_ALLOWED = "name-not-allowed"
    EMPTY = "empty"
    TOO_LARGE = "too-large"
    CHANGED_WHILE_READ = "changed-while-read"
    SIDECAR_MALFORMED = "sidecar-malformed"

    # the sender's signature
    SIGNATURE_MISSING = "signature-missing"
    SIGNATURE_MALFORMED = "signature-malformed"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNATURE_UNTRUSTED = "signature-untrusted"
    SIGNATURE_OTHER_SIGNER = "signature-other-signer"

    # every format
    TYPE_UNKNOWN = "type-unknown"
    TYPE_NOT_ALLOWED = "type-not-allowed"
    SIZE_OUT_OF_BOUNDS = "size-out-of-bounds"
    ENCODING_NOT_UTF8 = "encoding-not-utf8"
    CHARACTER_NOT_ALLOWED = "character-not-allowed"
    SYNTAX = "syntax"
    TRAILING_DATA = "trailing-data"
    TOO_DEEP = "too-deep"
    TOO_MANY_ELEMENTS = "too-many-elements"
    TOO_MANY_ATTRIBUTES = "too-many-attributes"
    TEXT_TOO_LONG = "text-too-long"
    NAME_TOO_LONG = "name-too-long"

    # XML
    XML_DOCTYPE = "xml-doctype"
    XML_ENTITY = "xml-entity"
    XML_PROCESSING_INSTRUCTION = "xml-processing-instruction"
    XML_XINCLUDE = "xml-xinclude"
    XML_SCHEMA_LOCATION = "xml-schema-location"
    XML_NAMESPACE = "xml-namespace"
    XML_SIGNATURE = "xml-signature"
    XML_ENCRYPTED = "xml-encrypted"
    XML_DUPLICATE_ATTRIBUTE = "xml-duplicate-attribute"

    # JSON
    JSON_DUPLICATE_KEY = "json-duplicate-key"
    JSON_NOT_A_NUMBER = "json-not-a-number"
    JSON_LONE_SURROGATE = "json-lone-surrogate"
    JSON_NUMBER_SIZE = "json-number-size"

    # plain text and CSV
    TEXT_BIDI = "text-bidi"
    TEXT_INVISIBLE = "text-invisible"
    TEXT_MARKS = "text-marks"
    TEXT_NOT_COMPOSED = "text-not-composed"
    TOO_MANY_LINES = "too-many-lines"
    LINE_TOO_LONG = "line-too-long"
    CSV_SHAPE = "csv-shape"
    CSV_FORMULA = "csv-formula"

    # the typed model that crosses
    CBOR_NOT_DETERMINISTIC = "cbor-not-deterministic"
    CBOR_TYPE = "cbor-type"
    MODEL_SHAPE = "model-shape"
    MODEL_UNKNOWN_NAME = "model-unknown-name"

    # pictures
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_FRAMES = "too-many-frames"
    PICTURE_COMPRESSION = "picture-compression"
    CHECKSUM = "checksum"

    # PDF
    PDF_ENCRYPTED = "pdf-encrypted"
    PDF_ACTIVE = "pdf-active"
    PDF_EMBEDDED = "pdf-embedded"
    PDF_FORM = "pdf-form"
    PDF_EXTERNAL = "pdf-external"
    PDF_LAYERS = "pdf-layers"

    # archives and office documents
    ARCHIVE_STRUCTURE = "archive-structure"
    ARCHIVE_CHECKSUM = "archive-checksum"
    ARCHIVE_METHOD = "archive-method"
    ARCHIVE_ENCRYPTED = "archive-encrypted"
    ARCHIVE_EXTRA_FIELD = "archive-extra-field"
    ARCHIVE_NAME = "archive-name"
    ARCHIVE_DUPLICATE = "archive-duplicate"
    ARCHIVE_LINK = "archive-link"
    ARCHIVE_RATIO = "archive-ratio"
    OFFICE_LEGACY = "office-legacy"
    OFFICE_PACKAGE = "office-package"
    OFFICE_PART = "office-part"
    OFFICE_MACRO = "office-macro"
    OFFICE_EMBEDDED = "office-embedded"
    OFFICE_EXTERNAL = "office-external"
    OFFICE_FIELD = "office-field"
    OFFICE_REVISION = "office-revision"

    # checks of content and policy
    SCHEMA_INVALID = "schema-invalid"
    LABEL_MISSING = "label-missing"
    LABEL_MALFORMED = "label-malformed"
    LABEL_UNKNOWN = "label-unknown"
    LABEL_INVALID = "label-invalid"
    LABEL_UNBOUND = "label-unbound"
    LABEL_NOT_CLEARED = "label-not-cleared"
    LABEL_EXPIRED = "label-expired"
    LABEL_REVIEW = "label-review"
    LABEL_ABOVE_CEILING = "label-above-ceiling"
    LABEL_NOT_RELEASABLE = "label-not-releasable"
    LABEL_NO_MAPPING = "label-no-mapping"
    BINDING_MALFORMED = "binding-malformed"
    BINDING_ALGORITHM = "binding-algorithm"
    BINDING_REFERENCE = "binding-reference"
    BINDING_DIGEST = "binding-digest"
    BINDING_SIGNATURE = "binding-signature"
    DIRTY_WORD = "dirty-word"
    PERSONAL_DATA = "personal-data"
    ENCODED_CONTENT = "encoded-content"
    YARA_RULE = "yara-rule"
    RULE_BROKEN = "rule-broken"
    NO_ROUTE = "no-route"

    # the chain itself
    STAGE_FAILED = "stage-failed"
    STAGE_OUTPUT_BOUND = "stage-output-bound"
    POISON = "poison"
    POSTURE = "posture"
    REVIEW_MALFORMED = "review-malformed"
    REVIEW_SIGNATURES = "review-signatures"
    REVIEW_PERSON = "review-person"
    REVIEW_STALE = "review-stale"
    REVIEW_OUTPUT = "review-output"
    REVIEW_USED = "review-used"
    REVIEW_REFUSED = "review-refused"
    RECEIPT_MISSING = "receipt-missing"
    RECEIPT_FORGED = "receipt-forged"
    RECEIPT_OUT_OF_ORDER = "receipt-out-of-order"
    RECEIPT_OTHER_MESSAGE = "receipt-other-message"
    RECEIPT_CHANGED_BY_FILTER = "receipt-changed-by-filter"
    FRAME_MALFORMED = "frame-malformed"
    PAYLOAD_NOT_SEALED = "payload-not-sealed"

    # the sealed message
    MANIFEST_MALFORMED = "manifest-malformed"
    MANIFEST_SIGNATURE = "manifest-signature"
    MANIFEST_KEY = "manifest-key"
    MANIFEST_OTHER_FLOW = "manifest-other-flow"
    MANIFEST_DIGEST = "manifest-digest"
    MANIFEST_SEQUENCE = "manifest-sequence"
    MANIFEST_POLICY = "manifest-policy"
    MANIFEST_DEMONSTRATION = "manifest-demonstration"
    DUPLICATE = "duplicate"

    # the link
    DATAGRAM_MALFORMED = "datagram-malformed"
    DATAGRAM_TAG = "datagram-tag"
    DATAGRAM_SESSION = "datagram-session"
    DATAGRAM_REPLAYED = "datagram-replayed"
    BLOCK_TAG = "block-tag"
    BLOCK_MALFORMED = "block-malformed"
    LINK_QUEUE_FULL = "link-queue-full"
    LINK_DOWN = "link-down"
    LINK_SILENT = "link-silent"
    LINK_BUFFER = "link-buffer"
    LINK_DEAD = "link-dead"
    SESSION_COUNTER = "session-counter"
    PROPOSAL_MALFORMED = "proposal-malformed"
    PROPOSAL_SIGNATURES = "proposal-signatures"
    PROPOSAL_STALE = "proposal-stale"
    GAP = "gap"
    GAP_NOTICE_MALFORMED = "gap-notice-malformed"
    GAP_NOTICE_SIGNATURES = "gap-notice-signatures"
    GAP_NOTICE_STALE = "gap-notice-stale"
    RESEND = "resend"

    # files, journals and the ledger
    RECORD_MALFORMED = "record-malformed"
    LEDGER_CHAIN = "ledger-chain"
    LEDGER_TREE = "ledger-tree"
    LEDGER_SIGNATURE = "ledger-signature"
    LEDGER_SILENT = "ledger-silent"
    LEDGER_UNPROVEN = "ledger-unproven"
    LEDGER_UNWRITABLE = "ledger-unwritable"
    CLOCK = "clock"
    DISK = "disk"

    # configuration
    SPIF_MALFORMED = "spif-malformed"
    POLICY_MALFORMED = "policy-malformed"
    POLICY_ORDER = "policy-order"
    POLICY_UNSIGNED = "policy-unsigned"
    POLICY_ROLLED_BACK = "policy-rolled-back"
    POLICY_MANDATORY = "policy-mandatory"
    ROOT_MALFORMED = "root-malformed"
    ROOT_UNTRUSTED = "root-untrusted"
    POSTURE_MALFORMED = "posture-malformed"
    POSTURE_UNSIGNED = "posture-unsigned"
    POSTURE_LOOSER = "posture-looser"
    TOPOLOGY = "topology"
    SITE_MALFORMED = "site-malformed"
    SOFTWARE_CHANGED = "software-changed"
    SOFTWARE_WRITABLE = "software-writable"
    KEY_MISSING = "key-missing"
    CERTIFICATE_MALFORMED = "certificate-malformed"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    CERTIFICATE_VALIDITY = "certificate-validity"
    CERTIFICATE_REVOKED = "certificate-revoked"
    CERTIFICATE_USAGE = "certificate-usage"
    CERTIFICATE_DOMAIN = "certificate-domain"
    CERTIFICATE_KEY = "certificate-key"
    SANDBOX_MISSING = "sandbox-missing"
    ROLE_FAILED = "role-failed"
    ARGUMENT = "argument"
