// Before the first sign-in: which county, and whether a guardian has to agree. Nothing else is asked.
const { call, isClosed, signIn } = require('../../lib/api');
const { page, sure } = require('../../lib/page');

const NOWHERE = { code: '', name: '先不选' };

async function load(that) {
  const regions = await call('counties');
  const counties = regions.filter((region) => region.level === 'county').map(({ code, name_zh }) => ({ code, name: name_zh }));
  return { counties: [NOWHERE, ...counties], chosen: that.data.chosen };
}

Component(
  page({
    open: true,
    data: { counties: [NOWHERE], chosen: 0, under14: false, guardian: false },
    load,
    on: {
      chooseCounty({ detail }) {
        this.setData({ chosen: Number(detail.value) });
      },
      tick({ detail }) {
        this.setData({ under14: detail.value.includes('under14'), guardian: detail.value.includes('guardian') });
      },
      enter() {
        return this.act('enter', async () => {
          const { counties, chosen, under14, guardian } = this.data;
          const about = { region_code: counties[chosen].code, under_14: under14, guardian_agrees: under14 && guardian };
          try {
            await signIn(about);
          } catch (error) {
            if (!isClosed(error) || !(await sure('重新启用账户', error.message, '启用'))) throw error;
            await signIn({ ...about, reopen: true });
          }
          wx.switchTab({ url: '/pages/home/index' });
        });
      },
    },
  }),
);
