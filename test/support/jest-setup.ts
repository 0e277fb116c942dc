// CDK's offline template validation costs two seconds a test file: only the tests that check it turn it on.
process.env.CDK_VALIDATION ??= 'false';
process.env.JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = '20';
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
