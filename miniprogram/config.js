// The one setting: where the platform answers. It holds no secret; the app secret lives on the server only.
// A release replaces this address by the city's own, which must also be listed as a request domain in WeChat.
module.exports = { BASE: 'https://carbon.example.gov.cn' };
