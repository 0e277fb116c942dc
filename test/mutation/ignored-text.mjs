// Plugin of Stryker: leaves the text and the fields of log lines as they are, as no behaviour depends on them.
const logText = {
  shouldIgnore({ node }) {
    const callee = node.type === 'CallExpression' ? node.callee : undefined;
    const writer = callee?.type === 'MemberExpression' ? callee.object : undefined;
    const name = writer?.type === 'MemberExpression' ? writer.property.name : writer?.name;
    return name === 'logger' ? 'log lines are for people' : undefined;
  },
};

export const strykerPlugins = [{ kind: 'Ignore', name: 'log-text', value: logText }];
