// My account: nickname and county, phone, real name, offers to merge, my data, closing and deleting.
const { call, forgetSession, signOut } = require('../../lib/api');
const { forget } = require('../../lib/codes');
const { page, sure } = require('../../lib/page');
const { count, local } = require('../../lib/show');

const TIERS = { opened: '已开户', phone: '已绑手机', real_name: '已实名' };
const NOWHERE = { code: '', name: '先不选' };

async function load() {
  const [account, regions, consents, points] = await Promise.all([call('account'), call('counties'), call('consents'), call('points', { query: { limit: 1 } })]);
  const counties = [NOWHERE, ...regions.filter((row) => row.level === 'county').map((row) => ({ code: row.code, name: row.name_zh }))];
  const text = consents.find((row) => row.partner === 'platform' && row.purpose === 'real-name');
  return {
    account: { ...account, tierWords: TIERS[account.tier] || account.tier, since: local(account.opened_at).day },
    counties,
    chosen: Math.max(0, counties.findIndex((row) => row.code === account.region_code)),
    nickname: account.nickname,
    realNameText: text ? { version: text.version, words: text.zh.replace(/\n/g, '') } : null,
    left: points.available + points.pending,
  };
}

Component(
  page({
    data: { account: null, counties: [NOWHERE], chosen: 0, nickname: '', phone: '', code: '', asked: null, name: '', idNumber: '', guardian: false, realNameText: null, left: 0, file: '' },
    load,
    on: {
      type({ currentTarget, detail }) {
        this.setData({ [currentTarget.dataset.field]: detail.value });
      },
      chooseCounty({ detail }) {
        this.setData({ chosen: Number(detail.value) });
      },
      tickGuardian({ detail }) {
        this.setData({ guardian: detail.value.includes('guardian') });
      },
      /** One operation, then the page anew. */
      change(name, work) {
        return this.act(name, async (key) => {
          await work(key);
          await this.refresh();
        });
      },
      save() {
        const { nickname, counties, chosen } = this.data;
        return this.change('save', () => call('changeAccount', { body: { nickname: nickname.trim(), region_code: counties[chosen].code } }));
      },
      askCode() {
        return this.act('askCode', async () => this.setData({ asked: await call('askPhoneCode', { body: { phone: this.data.phone } }) }));
      },
      confirmPhone() {
        return this.change('confirmPhone', async () => {
          await call('confirmPhone', { body: { phone: this.data.phone, code: this.data.code.trim() } });
          this.setData({ asked: null, phone: '', code: '' });
        });
      },
      forgetPhone() {
        return this.change('forgetPhone', () => call('forgetPhone'));
      },
      giveRealName() {
        return this.change('giveRealName', async () => {
          const { name, idNumber, realNameText, guardian } = this.data;
          const body = { name: name.trim(), id_number: idNumber.trim(), version: realNameText.version, guardian_agrees: guardian };
          await call('giveRealName', { body });
          this.setData({ name: '', idNumber: '' });
        });
      },
      forgetRealName() {
        return this.change('forgetRealName', () => call('forgetRealName'));
      },
      async merge({ currentTarget }) {
        const { offer, action, words } = currentTarget.dataset;
        if (!(await sure(words, '合并后两本账成为一本，不能再分开。', words))) return null;
        return this.change('merge', () => call('mergeAccount', { body: { offer, action } }));
      },
      prepare() {
        return this.act('prepare', async () => {
          const data = await call('exportAccount', { query: { format: 'json' } });
          const filePath = `${wx.env.USER_DATA_PATH}/xinyang-carbon.json`;
          wx.getFileSystemManager().writeFileSync(filePath, JSON.stringify(data, null, 2), 'utf8');
          this.setData({ file: filePath });
        });
      },
      send() {
        wx.shareFileMessage({ filePath: this.data.file, fileName: '我的碳账户.json' });
      },
      async leave() {
        if (!(await sure('退出登录', '账本还在，下次用微信登录接着记。', '退出'))) return null;
        return this.act('leave', async () => {
          forget();
          await signOut();
          wx.reLaunch({ url: '/pages/welcome/index' });
        });
      },
      async close() {
        if (!(await sure('停用账户', '不再收新的数据，账和分都留着；再登录可以重新启用。', '停用'))) return null;
        return this.act('close', async () => {
          await call('closeAccount');
          this.gone();
        });
      },
      async erase() {
        const { left } = this.data;
        if (!(await sure('注销账户', `7 天后删除您的昵称、手机号和姓名，剩下的 ${count(left)} 分作废，不能恢复。7 天内再登录就取消注销。`, '注销'))) return null;
        return this.act('erase', async () => {
          await call('deleteAccount', { body: { forfeit_points: left } });
          this.gone();
        });
      },
      gone() {
        forget();
        forgetSession();
        wx.reLaunch({ url: '/pages/welcome/index' });
      },
    },
  }),
);
