/** For `require('understudy')`: the package is an ES module, which Node loads this way from 20.19 and 22.12 on. */
try {
  module.exports = require('./index.js');
} catch (error) {
  if ((error as { code?: string }).code !== 'ERR_REQUIRE_ESM') throw error;
  throw new Error(
    `understudy: wanted Node 20.19, 22.12 or newer to be loaded by require(), got ${process.version}. Use await import('understudy'), or a newer Node`,
  );
}
