# The server in a container. It listens on all addresses, so it wants a key: docker run -e API_KEY=… (or --insecure).
# First the dashboard, with packages that only building needs.
FROM node:24-slim AS web
WORKDIR /opt/signalbox
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional --include=dev && npm cache clean --force
COPY tsconfig.json ./
COPY scripts/build-web.ts scripts/
COPY src src
COPY web web
RUN node scripts/build-web.ts

FROM node:24-slim

ENV NODE_ENV=production
WORKDIR /opt/signalbox

# In this order, so that a change of the code does not fetch the packages again.
# --omit=optional: the image has its own Node 24, and the one that a checkout brings along would double its size.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY LICENSE ./
COPY bin bin
COPY src src
COPY --from=web /opt/signalbox/web/dist web/dist

RUN ln -s /opt/signalbox/bin/signalbox /opt/signalbox/bin/call-me-client /usr/local/bin/ \
  && install -d -o node -g node /var/lib/signalbox
USER node
ENV SIGNALBOX_HOST=0.0.0.0 \
    SIGNALBOX_STORE=sqlite:/var/lib/signalbox/signalbox.db
VOLUME /var/lib/signalbox
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || process.env.RS_PORT || 8080}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# The launcher replaces itself with Node, so SIGTERM reaches the server, which then ends in order.
ENTRYPOINT ["/opt/signalbox/bin/signalbox", "serve"]
