// 信阳碳: the citizen's pages in WeChat. Everything comes from the citizen API; see lib/endpoints.js.
App({});
