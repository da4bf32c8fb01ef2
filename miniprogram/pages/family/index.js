// My family: who is in, gifts of points, groups, and the ranking for those who want to be in it.
const { call } = require('../../lib/api');
const { page, sure } = require('../../lib/page');
const { family, group, board, proxies } = require('../../lib/relatives');

const NONE = 'group.no_family';

async function familyOrNone() {
  try {
    return await call('family');
  } catch (error) {
    if (error.isProblem && error.code === NONE) return null;
    throw error;
  }
}

const versionOf = (consents, purpose) => {
  const found = consents.find((row) => row.partner === 'platform' && row.purpose === purpose);
  return found ? { version: found.version, text: found.zh.replace(/\n/g, '') } : null;
};

async function load() {
  const [mine, groups, ranking, consents, helping] = await Promise.all([familyOrNone(), call('groups'), call('ranking'), call('consents'), call('proxies')]);
  return {
    family: mine ? family(mine) : null,
    groups: groups.map(group),
    board: board(ranking),
    proxies: proxies(helping),
    texts: { family: versionOf(consents, 'family'), group: versionOf(consents, 'group'), ranking: versionOf(consents, 'ranking') },
  };
}

Component(
  page({
    data: { family: null, groups: [], board: null, proxies: { held: [], done: [] }, texts: {}, name: '', code: '', groupCode: '', points: '', chosen: '', invitation: null },
    load,
    on: {
      type({ currentTarget, detail }) {
        this.setData({ [currentTarget.dataset.field]: detail.value });
      },
      openFamily() {
        return this.act('openFamily', async () => {
          const made = await call('openFamily', { body: { name: this.data.name.trim(), consent_version: this.data.texts.family.version } });
          this.setData({ invitation: made.invitation });
          await this.refresh();
        });
      },
      joinFamily() {
        return this.act('joinFamily', async () => {
          await call('joinFamily', { body: { code: this.data.code.trim(), consent_version: this.data.texts.family.version } });
          this.setData({ code: '' });
          await this.refresh();
        });
      },
      invite() {
        return this.act('invite', async () => this.setData({ invitation: await call('inviteRelative') }));
      },
      copyCode() {
        wx.setClipboardData({ data: this.data.invitation.code });
      },
      choose({ currentTarget }) {
        this.setData({ chosen: currentTarget.dataset.id, points: '' });
      },
      async give() {
        const to = this.data.family.members.find((member) => member.id === this.data.chosen);
        const points = /^\d{1,5}$/.test(this.data.points.trim()) ? Number(this.data.points.trim()) : 0;
        if (!points) return this.setData({ problem: { message: '请填要送的分数，例如 20。', code: '' } });
        if (!(await sure('送积分', `送给${to.name} ${points} 分。送出后由对方使用，双方都看得到。`, '送'))) return null;
        return this.act('give', async (key) => {
          await call('give', { body: { member_id: to.id, points }, key });
          this.setData({ points: '', chosen: '' });
          await this.refresh();
        });
      },
      async leave({ currentTarget }) {
        const who = this.data.family.members.find((member) => member.id === currentTarget.dataset.id);
        const own = who.id === this.data.family.own;
        if (!(await sure(own ? '退出家庭' : '请他退出', own ? '退出后家人看不到您的克数，您的账和分不变。' : `${who.name}退出后，账和分还是他自己的。`, '退出'))) return null;
        return this.act('leave', async () => {
          await call('leaveFamily', { path: { id: who.id } });
          await this.refresh();
        });
      },
      async endProxy({ currentTarget }) {
        const one = this.data.proxies.held.find((held) => held.id === currentTarget.dataset.id);
        const then = one.own ? `${one.name}从现在起不能再替您记账、换东西。` : `您从现在起不能再替${one.name}办。`;
        if (!(await sure('结束代办', then, '结束'))) return null;
        return this.act('endProxy', async () => {
          await call('endProxy', { path: { id: one.id } });
          await this.refresh();
        });
      },
      joinGroup() {
        return this.act('joinGroup', async () => {
          await call('joinGroup', { body: { code: this.data.groupCode.trim(), consent_version: this.data.texts.group.version } });
          this.setData({ groupCode: '' });
          await this.refresh();
        });
      },
      leaveGroup({ currentTarget }) {
        return this.act('leaveGroup', async () => {
          await call('leaveGroup', { path: { id: currentTarget.dataset.id } });
          await this.refresh();
        });
      },
      joinRanking() {
        return this.act('joinRanking', async () => {
          await call('giveConsent', { body: { partner: 'platform', purpose: 'ranking', version: this.data.board.version } });
          await this.refresh();
        });
      },
    },
  }),
);
